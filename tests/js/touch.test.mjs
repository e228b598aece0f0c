import assert from "node:assert/strict";
import { test } from "node:test";
import { Fingers, underFingers } from "../../robometrics/viz/touch.js";

const MINUTE = { fromMs: 0, toMs: 60_000 };
const WIDTH_PX = 300; // 200 ms each

const at = (x, y = 50) => ({ x, y });

/** Fingers at these places, the first to come first. */
function put(...xs) {
  const fingers = new Fingers();
  xs.forEach((x, id) => fingers.down(id, at(x), MINUTE, id === 0));
  return fingers;
}

test("one finger takes its time along, and the span stays", () => {
  const moved = underFingers(MINUTE, WIDTH_PX, [100], [150]);
  assert.deepEqual({ fromMs: -10_000, toMs: 50_000 }, moved);
  assert.deepEqual(MINUTE, underFingers(MINUTE, WIDTH_PX, [100], [100]));
});

test("two fingers keep the times under them, apart and together", () => {
  const timeUnder = ({ fromMs, toMs }, x) => fromMs + ((toMs - fromMs) * x) / WIDTH_PX;
  for (const now of [[50, 250], [140, 180], [0, 120], [250, 50]]) {
    const moved = underFingers(MINUTE, WIDTH_PX, [100, 200], now);
    const [low, high] = now.toSorted((a, b) => a - b);
    assert.ok(Math.abs(timeUnder(MINUTE, 100) - timeUnder(moved, low)) < 1e-6);
    assert.ok(Math.abs(timeUnder(MINUTE, 200) - timeUnder(moved, high)) < 1e-6);
  }
});

test("fingers on top of each other, or far apart, make no absurd span", () => {
  const pinched = underFingers(MINUTE, WIDTH_PX, [100, 200], [150, 150]);
  assert.equal(250_000, Math.round(pinched.toMs - pinched.fromMs));
  const spread = underFingers({ fromMs: 0, toMs: 1_500 }, WIDTH_PX, [140, 165], [0, 300]);
  assert.equal(1_000, Math.round(spread.toMs - spread.fromMs));
});

test("a chart moves from where the finger began to, without a leap", () => {
  const fingers = put(100);
  assert.equal(null, fingers.move(0, at(107), WIDTH_PX));
  assert.equal(null, fingers.held);
  assert.deepEqual(MINUTE, fingers.move(0, at(110), WIDTH_PX));
  assert.deepEqual({ fromMs: -4_000, toMs: 56_000 }, fingers.move(0, at(130), WIDTH_PX));
  assert.deepEqual({ moved: { fromMs: -4_000, toMs: 56_000 } }, fingers.up(0, 0));
  assert.equal(null, fingers.held);
});

test("a finger that comes or leaves goes on from what is shown", () => {
  const fingers = put(100);
  fingers.move(0, at(110), WIDTH_PX);
  const panned = fingers.move(0, at(160), WIDTH_PX);
  fingers.down(1, at(260), MINUTE, false);
  assert.deepEqual(panned, fingers.move(1, at(260), WIDTH_PX));
  fingers.move(0, at(60), WIDTH_PX);
  const zoomed = fingers.held;
  assert.equal(30_000, zoomed.toMs - zoomed.fromMs);
  assert.deepEqual({}, fingers.up(0, 0));
  assert.deepEqual(zoomed, fingers.move(1, at(260), WIDTH_PX));
  assert.deepEqual({ moved: zoomed }, fingers.up(1, 0));
});

test("what the browser takes to scroll leaves the chart as it was", () => {
  const fingers = put(100);
  assert.equal(null, fingers.cancel());
  fingers.down(0, at(100), MINUTE, true);
  fingers.move(0, at(120), WIDTH_PX);
  fingers.move(0, at(150), WIDTH_PX);
  assert.deepEqual(MINUTE, fingers.cancel());
  assert.equal(null, fingers.held);
  assert.deepEqual({}, fingers.up(0, 0));
});

test("a finger that left unseen is not there when the next comes first", () => {
  const fingers = put(100);
  fingers.move(0, at(150), WIDTH_PX);
  fingers.down(7, at(200), MINUTE, true);
  assert.equal(null, fingers.held);
  fingers.move(7, at(220), WIDTH_PX);
  const { fromMs, toMs } = fingers.move(7, at(240), WIDTH_PX);
  assert.equal(60_000, toMs - fromMs);
});

test("two taps at once in one place are a double tap; others are not", () => {
  const tap = (fingers, timeMs, x, y = 50, toX = x) => {
    fingers.down(0, at(x, y), MINUTE, true);
    fingers.move(0, at(toX, y), WIDTH_PX);
    return fingers.up(0, timeMs);
  };
  const taps = (...all) => {
    const fingers = new Fingers();
    return all.map((each) => tap(fingers, ...each).isDoubleTap ?? false);
  };
  assert.deepEqual([false, true, false], taps([0, 100], [300, 104], [500, 100]));
  assert.deepEqual([false, false], taps([0, 100], [900, 100]));
  assert.deepEqual([false, false], taps([0, 100], [200, 100, 120]));
  assert.deepEqual([false, false], taps([0, 100], [200, 160]));
  assert.deepEqual([false, false, false], taps([0, 100], [100, 100, 50, 130], [200, 100]), "a move between");
});

test("two fingers that leave are no tap", () => {
  const fingers = put(100, 200);
  fingers.up(0, 0);
  fingers.up(1, 0);
  fingers.down(0, at(200), MINUTE, true);
  assert.deepEqual({}, fingers.up(0, 100));
});
