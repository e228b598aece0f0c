import assert from "node:assert/strict";
import { test } from "node:test";
import { UNKNOWN } from "../../robometrics/viz/fleetrows.js";
import { QUESTIONS, surveyed, topicsOf, watchedTopicsOf } from "../../robometrics/viz/survey.js";

const answer = (host, text) => ({ metric: { host }, value: [0, text] });

test("each host has what was answered of it, and nothing else", () => {
  const answers = new Map([
    ["cpu", [answer("a", "41.5"), answer("b", "NaN")]],
    ["temperature", [answer("b", "61")]],
  ]);
  assert.deepEqual([...surveyed(answers)], [
    ["a", { ...UNKNOWN, cpu: 41.5 }],
    ["b", { ...UNKNOWN, temperature: 61 }],
  ]);
});

test("only what rows are sorted and summed up by is asked for", () => {
  assert.deepEqual(topicsOf("host", false), []);
  assert.deepEqual(topicsOf("host", true), ["gpusBusy"]);
  assert.deepEqual(topicsOf("cpu", true), ["cpu", "gpusBusy"]);
  for (const key of ["memory", "gpu", "temperature", "attention"]) {
    for (const topic of topicsOf(key, true)) assert.ok(QUESTIONS[topic], topic);
  }
});

test("of a fleet that is watched only the hottest sensor of a fixed range is asked for", () => {
  assert.deepEqual([], watchedTopicsOf({ spanMs: 60_000 }));
  assert.deepEqual(["temperature"], watchedTopicsOf({ fromMs: 0, toMs: 60_000 }));
});
