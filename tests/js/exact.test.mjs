import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { catalogueOf } from "../../robometrics/viz/catalogue.js";
import { formatStep, stepOf } from "../../robometrics/viz/grid.js";
import { HEAD_MS, Session } from "../../robometrics/viz/session.js";
import { processId } from "../../robometrics/viz/series.js";

const FROM = 1_790_000_000_000;
const RANGE = { fromMs: FROM, toMs: FROM + 5_000 };
const ID = processId("vm", "planner");
const METRIC = "memory_rss_bytes";
const CATALOGUE = catalogueOf([{ name: METRIC, kind: "gauge", period_seconds: 0 }]);
const GAP = { from_ms: FROM, to_ms: FROM + 1_000, cause: "overrun", text: "late", process: null, run: null };

/** Samples 10 ms apart, of two runs, of which the second comes late. */
function answerOf(runs) {
  const series = ["r1", "r2"].slice(0, runs).map((run, n) => {
    const time_ms = Array.from({ length: 200 }, (_, i) => FROM + n * 2_500 + i * 10 + 0.3);
    return {
      ...{ host: "vm", process: "planner", gpu: null, run, resolution: "raw", step_ms: 10, time_ms },
      ...{ metrics: { [METRIC]: { values: time_ms.map((_, i) => (i === 50 ? null : n + 1)) } }, gaps: [GAP] },
    };
  });
  return { from_ms: FROM, to_ms: FROM + 5_000, series };
}

test("a short stretch of the past is cut so fine that each sample has its own step", () => {
  assert.equal(stepOf(RANGE), 5);
  assert.equal(stepOf({ fromMs: 0, toMs: 120_000 }), 100);
  assert.equal(stepOf({ fromMs: 0, toMs: 120_001 }), 1_000);
  assert.equal(stepOf({ spanMs: 5_000 }), 1_000);
  assert.equal(stepOf(RANGE, 200), 1_000);
  assert.deepEqual([formatStep(5), formatStep(2_000)], ["5 ms", "2s"]);
});

test("exact samples of all runs are shown, and asked for again while some may be on their way", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    let nowMs = FROM + 6_000;
    const asked = [];
    const means = {
      nowMs: () => nowMs,
      query: async (parameters) => {
        asked.push(Object.fromEntries(parameters));
        return answerOf(asked.length);
      },
      resubscribe: () => assert.fail("what is over is not live"),
      onProblem: (problem) => assert.equal(problem, ""),
    };
    const session = new Session([{ ids: [ID], metrics: [METRIC] }], RANGE, CATALOGUE, means);
    session.start();
    const settled = async () => {
      for (let i = 0; i < 5; i += 1) await new Promise(setImmediate);
    };
    await settled();
    const track = session.track(ID, METRIC);
    assert.deepEqual([asked[0].resolution, asked[0].max_points], ["raw", undefined]);
    assert.deepEqual([track.last.timeMs, track.intervalMs], [FROM + 1_990.3, 10]);

    // The store had but one of two runs at first; nothing counts twice.
    mock.timers.tick(2_000);
    await settled();
    assert.deepEqual(track.last, { timeMs: FROM + 4_490.3, value: 2 });
    assert.deepEqual(track.summary(FROM, FROM + 2_000), { min: 1, mean: 1, max: 1 });
    assert.equal(session.entry(ID).gaps.length, 1);

    nowMs = RANGE.toMs + HEAD_MS;
    mock.timers.tick(2_000);
    await settled();
    const count = asked.length;
    mock.timers.tick(60_000);
    await settled();
    assert.equal(asked.length, count);
    session.stop();
  } finally {
    mock.timers.reset();
  }
});

test("a gap that an event tells of is learnt once", () => {
  const means = { nowMs: () => FROM, query: async () => ({ series: [] }), resubscribe() {}, onProblem() {} };
  const session = new Session([{ ids: [ID], metrics: [METRIC] }], { spanMs: 300_000 }, CATALOGUE, means);
  const before = session.version;
  session.learn(ID, [GAP]);
  session.learn(ID, [{ ...GAP }]);
  assert.deepEqual([session.entry(ID).gaps.length, session.version], [1, before + 1]);
});

test("of more samples than the server gives out there are steps with extremes", async () => {
  const asked = [];
  const means = {
    nowMs: () => RANGE.toMs + 60_000,
    query: async (parameters) => {
      const wanted = Object.fromEntries(parameters);
      asked.push(wanted);
      if (wanted.resolution === "raw") throw Object.assign(new Error("too many"), { status: 400 });
      const metrics = { [METRIC]: { values: [5], min: [1], max: [9] } };
      const one = { host: "vm", process: "planner", gpu: null, resolution: "raw", step_ms: 5, time_ms: [FROM], metrics, gaps: [] };
      return { series: [one] };
    },
    resubscribe: () => assert.fail("what is over is not live"),
    onProblem: (problem) => assert.equal(problem, ""),
  };
  const session = new Session([{ ids: [ID], metrics: [METRIC] }], RANGE, CATALOGUE, means);
  session.start();
  for (let i = 0; i < 10; i += 1) await new Promise(setImmediate);
  assert.deepEqual(asked.map(({ resolution, max_points }) => [resolution, max_points]), [
    ["raw", undefined],
    [undefined, "1000"],
  ]);
  assert.deepEqual(session.track(ID, METRIC).summary(FROM, FROM), { min: 1, mean: 5, max: 9 });
});
