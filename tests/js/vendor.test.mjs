import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const read = (name) => readFileSync(new URL(`../../robometrics/viz/${name}`, import.meta.url), "utf8");

test("the lock pins each package by hash, and names no download address", () => {
  const { packages } = JSON.parse(read("package-lock.json"));
  const { "": root, ...pinned } = packages;
  const { dependencies, devDependencies } = JSON.parse(read("package.json"));
  assert.deepEqual([root.dependencies, root.devDependencies], [dependencies, devDependencies]);
  for (const [name, entry] of Object.entries(pinned)) {
    assert.match(entry.integrity, /^sha512-/, name);
    assert.equal(entry.resolved, undefined, name);
  }
});

test("the page itself stays inside a strict content security policy", () => {
  const page = read("index.html");
  assert.equal(page.match(/<script(?![^>]*src=)[^>]*>/g).join(), '<script type="importmap">');
  assert.doesNotMatch(page, /\sstyle=|<style|\son[a-z]+=|https?:/);
});

test("each module of others that the page names comes with its licence, and from a package that is pinned", () => {
  const [, map] = read("index.html").match(/<script type="importmap">(.*?)<\/script>/s);
  const vendored = Object.values(JSON.parse(map).imports).filter((path) => path.startsWith("./static/vendor/"));
  const hook = readFileSync(new URL("../../hatch_build.py", import.meta.url), "utf8");
  const copied = new Map([...hook.matchAll(/^    "([^"]+)": "((?:@[^/]+\/)?[^/"]+)\/[^"]+",$/gm)].map(([, to, from]) => [to, from]));
  const licensed = new Set([...copied].filter(([to]) => to.endsWith(".LICENSE")).map(([, from]) => from));
  const { packages } = JSON.parse(read("package-lock.json"));
  for (const path of vendored) {
    const from = copied.get(path.slice("./static/vendor/".length));
    assert.ok(from, path);
    assert.ok(licensed.has(from), from);
    assert.ok(packages[`node_modules/${from}`], from);
  }
});

test("Vega is loaded by nothing but what draws with it", () => {
  const importers = readdirSync(new URL("../../robometrics/viz/", import.meta.url), { recursive: true })
    .filter((name) => name.endsWith(".js") && !name.startsWith("vendor") && /from "vega|import "vega/.test(read(name)));
  assert.deepEqual(importers.sort(), ["explore/vega-util.js", "explore/vega.js"]);
  assert.match(read("views/explore_picture.js"), /await import\("\.\.\/explore\/vega\.js"\)/);
});
