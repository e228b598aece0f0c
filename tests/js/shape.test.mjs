import assert from "node:assert/strict";
import { test } from "node:test";
import { axisTop, lonelyIndices } from "../../robometrics/viz/shape.js";

test("the axis ends at a whole mark above the highest value", () => {
  const increments = [1, 2, 5, 10, 20, 50, 100];
  assert.equal(axisTop(0, 10, increments), 10);
  assert.equal(axisTop(177, 10, increments), 200);
  assert.equal(axisTop(100, 10, increments), 120);
  assert.equal(axisTop(10_000, 10, increments), 10_500);
});

test("only values without a neighbour are lonely", () => {
  assert.equal(lonelyIndices([]), null);
  assert.equal(lonelyIndices([1, 2, null, 3, 4]), null);
  assert.deepEqual(lonelyIndices([1, null, 2, null, 3, 4]), [0, 2]);
  assert.equal(lonelyIndices([1, undefined, 2, null]), null);
  assert.deepEqual(lonelyIndices([undefined, 1, undefined, null, 2]), [1, 4]);
});
