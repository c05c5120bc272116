// Whether files of JSON are as a schema says, by npm's ajv.
//
//     node schema.js PACKAGE SCHEMA FILE...
//
// For each file one line of JSON: null, or what is wrong.
"use strict";
const fs = require("fs");
const Ajv = require(process.argv[2]);

const read = (file) => JSON.parse(fs.readFileSync(file, "utf8"));
const validate = new Ajv({ strict: false }).compile(read(process.argv[3]));
for (const file of process.argv.slice(4))
  console.log(JSON.stringify(validate(read(file)) ? null : validate.errors));
