// Reads profiles by the importer of npm's speedscope, which is in the script of
// its page: runs that script in a context of its own, up to where it would
// draw.
//
//     node speedscope.js PACKAGE FILE...
//
// For each file one line of JSON: {"profiles": [{"name", "unit", "total",
// "nonIdle", "frames": their names, "weights": theirs with what they called}]},
// or {"error"}.
"use strict";
const fs = require("fs");
const path = require("path");
const vm = require("vm");

// All that the script looks at before it draws: anything, which does nothing.
function stub() {
  const proxy = new Proxy(function () {}, {
    get: (_, key) => (key === Symbol.toPrimitive ? () => "" : proxy),
    set: () => true,
    apply: () => proxy,
    construct: () => proxy,
  });
  return proxy;
}

function loadImporter(folder) {
  const release = path.join(folder, "dist", "release");
  const name = fs.readdirSync(release).find((f) => /^speedscope-.*\.js$/.test(f));
  const source = fs.readFileSync(path.join(release, name), "utf8");
  const importer = /loadFileFromBase64:\((\w+),(\w+)\)=>\{this\.loadProfile\(\(\)=>([\w$]+)\(\1,\2\)\)/
    .exec(source);
  const drawing = source.lastIndexOf("console.log(`speedscope v");
  if (!importer || drawing < 0)
    throw new Error("this speedscope is built in another way");
  const location = { protocol: "file:", hash: "", href: "", search: "" };
  const context = vm.createContext({
    console: { log() {}, warn() {}, error() {}, time() {}, timeEnd() {}, assert() {} },
    self: {}, document: stub(), navigator: stub(), localStorage: stub(), location,
    window: { location, addEventListener() {}, matchMedia: stub(), devicePixelRatio: 1 },
    requestAnimationFrame() {}, alert() {}, setTimeout, clearTimeout,
    TextDecoder, TextEncoder, atob, btoa,
    FileReader: stub(), Image: stub(), performance, URL,
  });
  vm.runInContext(
    source.slice(0, drawing) + "globalThis.importFile=" + importer[3] + ";})();",
    context);
  return context.importFile;
}

async function read(importFile, file) {
  const data = fs.readFileSync(file).toString("base64");
  const group = await importFile(path.basename(file), data);
  if (!group)
    return { error: "not recognized" };
  return {
    profiles: group.profiles.map((p) => {
      const frames = [], weights = [];
      p.forEachFrame((f) => {
        frames.push(f.name);
        weights.push(f.getTotalWeight());
      });
      return {
        name: p.getName(), unit: p.getWeightUnit(), total: p.getTotalWeight(),
        nonIdle: p.getTotalNonIdleWeight(), frames, weights,
      };
    }),
  };
}

async function main() {
  const importFile = loadImporter(process.argv[2]);
  for (const file of process.argv.slice(3)) {
    const result = await read(importFile, file).catch((e) => ({ error: String(e) }));
    console.log(JSON.stringify(result));
  }
}

main().catch((e) => {
  console.error(e.message); // its stack would show the whole script
  process.exit(1);
});
