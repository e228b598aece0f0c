import assert from "node:assert/strict";
import { test } from "node:test";
import { catalogueOf } from "../../robometrics/viz/catalogue.js";
import { Comparison, spanOf, tracksOf } from "../../robometrics/viz/comparison.js";

const NOW = 1_790_000_100_250;
const CATALOGUE = catalogueOf([]);
const run = (name, startMs, endMs) => ({
  ...{ host: "vm*", process: "plan[1]", run: name, pid: 7, command: "", tags: {} },
  ...{ started_ms: startMs, first_seen_ms: startMs, last_seen_ms: endMs },
  ...{ ended_ms: endMs, end: "exited", exit_code: 0 },
});

/** A server whose runs side by side have different values: 1 each step of "a", 2 of "b". */
function server(asked) {
  return async (parameters) => {
    const { from, to, max_points, metric } = Object.fromEntries(parameters);
    asked.push(Object.fromEntries(parameters));
    const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
    const stepMs = (toMs - fromMs) / max_points;
    const time_ms = Array.from({ length: Number(max_points) }, (_, i) => fromMs + i * stepMs);
    const group = (name, value) => ({
      ...{ labels: { run: name }, resolution: "raw", step_ms: stepMs, time_ms },
      metrics: Object.fromEntries(metric.split(",").map((each) => [each, { values: time_ms.map(() => value) }])),
    });
    return { from_ms: fromMs, to_ms: toMs, series: [], groups: [group("a", 1), group("b", 2)] };
  };
}

test("two runs in one range are told apart, and count from the start of each", async () => {
  const runs = [run("a", NOW - 60_000, NOW - 30_000), run("b", NOW - 60_000, NOW)];
  const asked = [];
  const both = new Comparison(runs, ["cpu_percent"], null, CATALOGUE, { nowMs: () => NOW, query: server(asked) });
  await both.load();
  const summaries = ["a", "b"].map((name) => both.track(name, "cpu_percent").summary(0, 60_000));
  assert.deepEqual(summaries.map(({ mean }) => mean), [1, 2]);
  const ends = ["a", "b"].map((name) => both.track(name, "cpu_percent").lastBefore(Infinity));
  assert.ok(Math.abs(ends[0] - 30_000) <= 1_000 && Math.abs(ends[1] - 60_000) <= 1_000, `${ends}`);
  assert.deepEqual(both.stretch, { fromMs: 0, toMs: 60_000 });
  assert.deepEqual(asked.map(({ host, process, group_by }) => [host, process, group_by]), [
    ["vm[*]", "plan[[]1]", "run"],
    ["vm[*]", "plan[[]1]", "run"],
  ]);
});

test("of a stretch only that part of each run is asked for, in whole steps", () => {
  const long = run("a", NOW - 60_000, NOW);
  const span = spanOf(long, { fromMs: 10_000, toMs: 20_000 }, 1_000, NOW);
  assert.deepEqual(span, { fromMs: 1_790_000_050_000, toMs: 1_790_000_061_000 });
  const short = run("b", NOW - 5_000, NOW);
  assert.equal(spanOf(short, { fromMs: 10_000, toMs: 20_000 }, 1_000, NOW), null);
});

test("what ran before it was measured has its samples where they were", async () => {
  const late = { ...run("a", NOW - 600_000, NOW), first_seen_ms: NOW - 60_000 };
  const one = new Comparison([late], ["cpu_percent"], null, CATALOGUE, { nowMs: () => NOW, query: server([]) });
  await one.load();
  const track = one.track("a", "cpu_percent");
  assert.equal(track.summary(0, 530_000), null);
  assert.equal(track.summary(545_000, 600_000).mean, 1);
});

test("the step in which a run began is its first, and one without values has no line", () => {
  const answer = {
    time_ms: [1_000, 2_000],
    metrics: { a: { values: [5, 6], min: [4, 6], max: [9, 6] }, b: { values: [null, null] } },
  };
  const tracks = tracksOf(answer, 1_400, 1_000);
  assert.deepEqual([...tracks.keys()], ["a"]);
  assert.deepEqual(tracks.get("a").summary(0, 0), { min: 4, mean: 5, max: 9 });
});
