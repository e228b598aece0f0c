import assert from "node:assert/strict";
import { test } from "node:test";
import { offsetsOf, windowOf } from "../../robometrics/viz/windowed.js";

const equal = offsetsOf(Array(1000).fill(60));

test("of a thousand rows those in sight are rendered, and a few beyond", () => {
  assert.deepEqual(windowOf(equal, 0, 600, 0), { from: 0, to: 11 });
  assert.deepEqual(windowOf(equal, 30_000, 30_600, 120), { from: 498, to: 513 });
  assert.deepEqual(windowOf(equal, 59_400, 60_000, 120), { from: 988, to: 1000 });
});

test("beyond the ends there is nothing more, and nothing fails", () => {
  assert.deepEqual(windowOf(equal, -600, -100, 0), { from: 0, to: 1 });
  const { from, to } = windowOf(equal, 70_000, 71_000, 0);
  assert.ok(from >= 999 && to === 1000);
  assert.deepEqual(windowOf(offsetsOf([]), 0, 600, 240), { from: 0, to: 0 });
});

test("rows of any height: each that touches what is in sight is rendered", () => {
  const heights = Array.from({ length: 200 }, (_, i) => 20 + ((i * 37) % 90));
  const offsets = offsetsOf(heights);
  for (let topPx = 0; topPx < offsets[200]; topPx += 13) {
    const { from, to } = windowOf(offsets, topPx, topPx + 300, 0);
    heights.forEach((px, i) => {
      const isInSight = offsets[i] + px > topPx && offsets[i] < topPx + 300;
      if (isInSight) assert.ok(i >= from && i < to, `${i} at ${topPx}`);
    });
    assert.ok(to - from <= 300 / 20 + 2);
  }
});
