import assert from "node:assert/strict";
import { mock, test } from "node:test";

const FRAME_MS = 16;
let nowMs = 0;
let frames = [];
let timers = [];

// What the loop needs of a browser.
globalThis.matchMedia = () => ({ matches: false });
globalThis.document = { hidden: false };
globalThis.requestAnimationFrame = (act) => frames.push(act);
globalThis.setTimeout = (act, delayMs) => timers.push({ act, dueMs: nowMs + delayMs }) && timers.at(-1);
globalThis.clearTimeout = (timer) => (timers = timers.filter((each) => each !== timer));
mock.method(performance, "now", () => nowMs);

const { drawSoon, onDraw } = await import("../../robometrics/viz/loop.js");

let frameCount = 0;

/** Time passes; batches come at some times. @returns when there were draws */
function passed(lastingMs, comesMs = []) {
  const [untilMs, drawsMs, coming] = [nowMs + lastingMs, [], [...comesMs]];
  const stop = onDraw(() => drawsMs.push(nowMs));
  while (nowMs < untilMs) {
    nowMs += 1;
    while (coming.length > 0 && coming[0] <= nowMs) {
      coming.shift();
      drawSoon();
    }
    for (const { act, dueMs } of timers.filter((each) => each.dueMs <= nowMs)) {
      timers = timers.filter((each) => each.dueMs !== dueMs);
      act();
    }
    if (nowMs % FRAME_MS !== 0) continue;
    frameCount += Number(frames.length > 0);
    for (const act of frames.splice(0)) act();
  }
  stop();
  return drawsMs;
}

test("draws come four times a second, and no frame is asked for without one", () => {
  const count = passed(10_000).length;
  assert.ok(Math.abs(count - 40) <= 1, `${count} draws in 10 s`);
  assert.ok(frameCount <= count + 1, `${frameCount} frames were asked for`);
});

test("what comes once a second is drawn at once, at no higher rate", () => {
  for (const phaseMs of [3, 60, 130, 200, 245]) {
    const beganMs = nowMs;
    const comesMs = Array.from({ length: 20 }, (_, i) => beganMs + 1_000 * i + phaseMs + (i % 3) * 4);
    const drawsMs = passed(20_000, comesMs);
    const waitsMs = comesMs.slice(1).map((atMs) => drawsMs.find((drawMs) => drawMs >= atMs) - atMs);
    assert.ok(Math.max(...waitsMs) <= 70, `${Math.max(...waitsMs)} ms, at phase ${phaseMs}`);
    assert.ok(Math.min(...waitsMs) >= 30, "what comes a moment later was left for the next draw");
    assert.ok(drawsMs.length <= 82, `${drawsMs.length} draws in 20 s`);
  }
});

test("what comes all the time is drawn little more often", () => {
  const beganMs = nowMs;
  assert.ok(passed(10_000, Array.from({ length: 500 }, (_, i) => beganMs + 20 * i)).length <= 50);
});
