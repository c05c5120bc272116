// Reads pprof files by npm's pprof-format.
//
//     node pprof.js PACKAGE FILE...
//
// For each file one line of JSON: {"values": sums of all samples by type,
// "types", "functions": their names, "labels": of the threads, "comments"}.
"use strict";
const fs = require("fs");
const zlib = require("zlib");
const { Profile } = require(process.argv[2]);

for (const file of process.argv.slice(3)) {
  const p = Profile.decode(zlib.gunzipSync(fs.readFileSync(file)));
  const text = (n) => p.stringTable.strings[Number(n)];
  const labels = new Set();
  const values = p.sampleType.map(() => 0);
  for (const sample of p.sample) {
    sample.value.forEach((v, i) => (values[i] += Number(v)));
    for (const label of sample.label)
      labels.add(text(label.key) + "=" + (Number(label.str) ? text(label.str) : label.num));
  }
  console.log(JSON.stringify({
    values, types: p.sampleType.map((t) => text(t.type) + "/" + text(t.unit)),
    functions: p.function.map((f) => text(f.name)), labels: [...labels].sort(),
    comments: p.comment.map(text),
  }));
}
