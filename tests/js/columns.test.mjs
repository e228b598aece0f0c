import assert from "node:assert/strict";
import { test } from "node:test";
import { Columns } from "../../robometrics/viz/columns.js";

/** @param {Columns} columns */
function filled(columns) {
  const [times, values] = [[], []];
  columns.fill(times, values);
  return { times, values };
}

test("samples come back in the order of their times", () => {
  const columns = new Columns();
  for (const timeMs of [1000, 3000, 2000, 500]) columns.insert(timeMs, timeMs / 10, 0, 5000);
  assert.deepEqual(filled(columns), {
    times: [500, 1000, 2000, 3000],
    values: [50, 100, 200, 300],
  });
});

test("a step too long breaks the line", () => {
  const columns = new Columns();
  columns.insert(1000, 1, 0, 250);
  columns.insert(1250, 2, 0, 250);
  columns.insert(1501, 3, 0, 250);
  assert.deepEqual(filled(columns).values, [1, 2, null, 3]);
});

test("late samples close the gap they came for", () => {
  const columns = new Columns();
  columns.insert(1000, 1, 0, 150);
  columns.insert(1200, 3, 0, 150);
  columns.insert(1100, 2, 0, 150);
  assert.deepEqual(filled(columns).values, [1, 2, 3]);
});

test("another run breaks the line, however near", () => {
  const columns = new Columns();
  columns.insert(1000, 1, 0, 5000);
  columns.insert(1001, 2, 1, 5000);
  assert.deepEqual(filled(columns), { times: [1000, 1000.5, 1001], values: [1, null, 2] });
});

test("what could not be read is null, and never the last value", () => {
  const columns = new Columns();
  assert.equal(columns.last, null);
  columns.insert(1000, 1, 0, 5000);
  columns.insert(2000, NaN, 0, 5000);
  assert.deepEqual(filled(columns).values, [1, null]);
  assert.deepEqual(columns.last, { timeMs: 1000, value: 1 });
});

test("fill leaves nothing of a longer draw before", () => {
  const columns = new Columns();
  columns.insert(1000, 1, 0, 5000);
  const [times, values] = [
    [7, 7, 7],
    [7, 7, 7],
  ];
  columns.fill(times, values);
  assert.deepEqual([times, values], [[1000], [1]]);
});

test("an hour through a window of seconds stays right and small", () => {
  const columns = new Columns();
  for (let timeMs = 0; timeMs < 3_600_000; timeMs += 100) {
    columns.insert(timeMs, timeMs, 0, 250);
    columns.dropBefore(timeMs - 10_000);
  }
  const { times, values } = filled(columns);
  assert.equal(columns.length, 101);
  assert.deepEqual(times, values);
  assert.equal(times[0], 3_599_900 - 10_000);
  assert.ok(times.every((timeMs, i) => i === 0 || timeMs - times[i - 1] === 100));
});
