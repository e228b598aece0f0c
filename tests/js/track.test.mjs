import assert from "node:assert/strict";
import { test } from "node:test";
import { Track } from "../../robometrics/viz/track.js";

/** Means of steps as a chart gets them; `-` leads on, `.` is a gap. */
function shown(track, fromMs, length, joined = 0) {
  const [mean, min, max] = [[], [], []];
  track.read(fromMs, length, joined, mean, min, max);
  assert.ok(mean.every((value, i) => typeof value === typeof min[i] && typeof value === typeof max[i]));
  return mean.map((value) => (value === null ? "." : value === undefined ? "-" : value));
}

test("samples of one step are its mean, its least and its greatest", () => {
  const track = new Track(1000);
  for (const [timeMs, value] of [[5000, 1], [5400, 6], [5999, 2], [6000, 9]]) track.add({ timeMs, value });
  assert.deepEqual(shown(track, 4000, 4), [".", 3, 9, "."]);
  assert.deepEqual(track.summary(5000, 5999), { min: 1, mean: 3, max: 6 });
  assert.deepEqual(track.last, { timeMs: 6000, value: 9 });
});

test("what could not be read is nothing", () => {
  const track = new Track(1000);
  track.add({ timeMs: 5000, value: NaN });
  assert.ok(track.isEmpty);
  assert.equal(track.last, null);
  assert.equal(track.summary(0, 1e6), null);
});

test("lines lead on over short gaps only, and never before the first or after the last", () => {
  const track = new Track(1000);
  for (const second of [2, 4, 7]) track.add({ timeMs: second * 1000, value: second });
  assert.deepEqual(shown(track, 0, 9, 1), [".", ".", 2, "-", 4, ".", ".", 7, "."]);
  assert.deepEqual(shown(track, 0, 9, 2), [".", ".", 2, "-", 4, "-", "-", 7, "."]);
});

test("an answer takes the place of what it is about, and of nothing else", () => {
  const track = new Track(1000);
  for (const second of [1, 2, 3]) track.add({ timeMs: second * 1000, value: 100 });
  track.clear(0, 3000);
  track.set(1000, 5, 1, 9);
  assert.deepEqual(shown(track, 0, 4), [".", 5, ".", 100]);
  assert.deepEqual(track.summary(0, 1999), { min: 1, mean: 5, max: 9 });
});

test("what is dropped does not come back with late samples around it", () => {
  const track = new Track(1000);
  for (const second of [1, 2, 3, 4]) track.add({ timeMs: second * 1000, value: second });
  track.dropBefore(3000);
  assert.deepEqual(shown(track, 0, 6), [".", ".", ".", 3, 4, "."]);
  track.add({ timeMs: 1000, value: 7 });
  assert.deepEqual(shown(track, 0, 6), [".", 7, ".", 3, 4, "."]);
});

test("the end of the newest step before a time", () => {
  const track = new Track(1000);
  assert.equal(track.lastBefore(9e9), -Infinity);
  for (const second of [1, 5]) track.add({ timeMs: second * 1000, value: 1 });
  assert.equal(track.lastBefore(5000), 2000);
  assert.equal(track.lastBefore(5001), 6000);
  assert.equal(track.lastBefore(1000), -Infinity);
});

test("any order of samples, over any distance, is what a plain table says", () => {
  let seed = 1;
  const random = (most) => (seed = (seed * 48_271) % 2_147_483_647) % most;
  for (let round = 0; round < 200; round += 1) {
    const track = new Track(500);
    const table = new Map();
    for (let i = 0; i < 60; i += 1) {
      const timeMs = 1_790_000_000_000 + random(random(2) ? 5_000 : 900_000);
      const value = random(1000);
      track.add({ timeMs, value });
      const step = Math.floor(timeMs / 500);
      table.set(step, [...(table.get(step) ?? []), value]);
    }
    const [mean, min, max] = [[], [], []];
    track.read(1_790_000_000_000, 1_900, 0, mean, min, max);
    for (let i = 0; i < 1_900; i += 1) {
      const values = table.get(1_790_000_000_000 / 500 + i);
      if (!values) assert.equal(mean[i], null);
      else {
        assert.ok(Math.abs(mean[i] - values.reduce((a, b) => a + b) / values.length) < 1e-9);
        assert.deepEqual([min[i], max[i]], [Math.min(...values), Math.max(...values)]);
      }
    }
  }
});
