import assert from "node:assert/strict";
import { test } from "node:test";
import { toldAt } from "../../robometrics/viz/overlay.js";

const MARKS = [{ timeMs: 10_000, text: "registered" }, { timeMs: 10_400, text: "exited" }];
const GAPS = [{ fromMs: 9_000, toMs: 20_000, text: "the worker was killed" }];

test("who points at a mark is told the nearest one, and in a gap its reason", () => {
  const told = [10_100, 10_300, 15_000, 30_000].map((timeMs) => toldAt(timeMs, 500, MARKS, GAPS));
  assert.deepEqual(told, ["registered", "exited", "the worker was killed", ""]);
});
