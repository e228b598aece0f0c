import assert from "node:assert/strict";
import { test } from "node:test";
import { STORED_MS, progressOf, stretchOf } from "../../robometrics/viz/recording.js";

const FROM = 1_790_000_000_000.4;
const BURST = { run: "r1", interval_ns: 1e7, from_ms: FROM, until_ms: FROM + 5_000 };

test("a recording tells how far it is, and is over once it can be stored", () => {
  assert.deepEqual(progressOf(BURST, FROM + 1_000), { share: 0.2, text: "Recording at 100 Hz: 4 s left", isOver: false });
  assert.deepEqual(progressOf(BURST, FROM - 900).share, 0); // the worker's clock may be ahead
  assert.equal(progressOf(BURST, FROM + 5_000).isOver, false);
  assert.equal(progressOf(BURST, FROM + 5_000 + STORED_MS).isOver, true);
});

test("what is shown is what was recorded, to the millisecond", () => {
  assert.deepEqual(stretchOf(BURST), { fromMs: 1_790_000_000_000, toMs: 1_790_000_005_001 });
});
