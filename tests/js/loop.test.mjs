import assert from "node:assert/strict";
import { mock, test } from "node:test";

const FRAME_MS = 1000 / 60;
let nowMs = 0;
let pending = [];

// What the loop needs of a browser.
globalThis.matchMedia = () => ({ matches: false });
globalThis.document = { hidden: false };
globalThis.requestAnimationFrame = (act) => pending.push(act);
mock.method(performance, "now", () => nowMs);

const { drawSoon, onDraw } = await import("../../robometrics/viz/loop.js");

/** Frames pass; batches come at some times. @returns when there were draws */
function passed(lastingMs, comesMs = []) {
  const [untilMs, drawsMs, due] = [nowMs + lastingMs, [], [...comesMs]];
  const stop = onDraw(() => drawsMs.push(nowMs));
  while (nowMs < untilMs) {
    const frameMs = nowMs + FRAME_MS;
    while (due.length > 0 && due[0] < frameMs) {
      nowMs = due.shift();
      drawSoon();
    }
    nowMs = frameMs;
    for (const act of pending.splice(0)) act(frameMs);
  }
  stop();
  return drawsMs;
}

test("draws come four times a second", () => {
  const count = passed(10_000).length;
  assert.ok(Math.abs(count - 40) <= 1, `${count} draws in 10 s`);
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
