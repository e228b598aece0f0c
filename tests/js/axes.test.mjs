import assert from "node:assert/strict";
import { test } from "node:test";
import { elapsedMark, timeMark } from "../../robometrics/viz/axes.js";

test("an axis that counts from a beginning is marked as a stopwatch is", () => {
  const marks = [[0, 1_000], [90_000, 30_000], [3_723_000, 1_000], [90_061_000, 60_000], [1_250, 50], [-1_000, 1_000]];
  assert.deepEqual(
    marks.map(([elapsedMs, stepMs]) => elapsedMark(elapsedMs, stepMs)),
    ["0:00", "1:30", "1:02:03", "1 d 1:01", "0:01.25", ""],
  );
});

test("marks closer than a second tell its parts", () => {
  const noon = Date.UTC(2026, 0, 2, 12, 34, 56, 250);
  assert.equal(timeMark(noon, 50, true), "34:56.25");
  assert.equal(timeMark(noon, 5_000, true), "12:34:56");
  assert.equal(timeMark(noon, 60_000, true), "12:34");
});
