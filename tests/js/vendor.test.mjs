import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (name) => readFileSync(new URL(`../../robometrics/viz/${name}`, import.meta.url), "utf8");

test("the lock pins each package by hash, and names no download address", () => {
  const { packages } = JSON.parse(read("package-lock.json"));
  const { "": root, ...pinned } = packages;
  assert.deepEqual(root.dependencies, JSON.parse(read("package.json")).dependencies);
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
