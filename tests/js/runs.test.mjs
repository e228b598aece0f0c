import assert from "node:assert/strict";
import { test } from "node:test";
import {
  COMPARED_MAX,
  beginMs,
  costsOf,
  endMs,
  endText,
  lastedMs,
  measuredFromMs,
  runLabel,
  stateOf,
  toggled,
} from "../../robometrics/viz/runs.js";

const NOW = 1_790_000_100_000;
const run = (facts) => ({
  ...{ host: "vm", process: "planner", run: "r1", pid: 7, command: "", tags: {} },
  ...{ started_ms: NOW - 60_000, first_seen_ms: NOW - 59_000, last_seen_ms: NOW - 1_000 },
  ...{ ended_ms: null, end: null, exit_code: null },
  ...facts,
});

test("a run lasts from its start to its end, or to its newest sample", () => {
  assert.equal(lastedMs(run({}), NOW), 60_000);
  assert.equal(lastedMs(run({ ended_ms: NOW - 20_000, end: "exited" }), NOW), 40_000);
  assert.equal(lastedMs(run({ last_seen_ms: NOW - 31_000 }), NOW), 30_000);
  assert.equal(endMs(run({ last_seen_ms: null }), NOW), NOW);
});

test("what ran before it was measured begins then, and has samples from later on", () => {
  const early = run({ started_ms: NOW - 3_600_000 });
  assert.deepEqual([beginMs(early), measuredFromMs(early)], [NOW - 3_600_000, NOW - 59_000]);
  assert.equal(beginMs(run({ started_ms: null })), NOW - 59_000);
});

test("only what is heard of runs", () => {
  assert.equal(stateOf(run({}), NOW), "running");
  assert.equal(stateOf(run({ last_seen_ms: NOW - 20_000 }), NOW), "stale");
  assert.equal(stateOf(run({ end: "unregistered" }), NOW), "exited");
});

test("an end is told in words", () => {
  const told = (end, exit_code) => endText(run({ end, exit_code }));
  assert.deepEqual(
    [told(null, null), told("exited", 3), told("exited", -11), told("exited", null), told("unregistered", null)],
    ["", "code 3", "SIGSEGV", "exited", "unregistered"],
  );
  const label = runLabel(run({ end: "exited", exit_code: 3, ended_ms: NOW }), NOW, true);
  assert.match(label, /^\d\d-\d\d \d\d:\d\d:\d\d · pid 7 · 1 min · code 3$/);
});

test("a choice is taken back by choosing again, and the oldest goes when there are too many", () => {
  assert.deepEqual(toggled(["a", "b"], "a"), ["b"]);
  const many = Array.from({ length: COMPARED_MAX }, (_, i) => `r${i}`);
  assert.deepEqual(toggled(many, "new"), [...many.slice(1), "new"]);
});

test("mean CPU is of the whole run, also of what nobody measured; the peak is no average", () => {
  const groups = [
    {
      labels: { run: "r1" },
      metrics: {
        cpu_time_ns: { values: [null, 10e9, 30e9, null] },
        memory_rss_bytes: { values: [5, 6, 7, null], max: [9, 50, 8, null] },
      },
    },
  ];
  const costs = costsOf(groups, [run({}), run({ run: "r2" })], NOW);
  assert.deepEqual(costs.get("r1"), { cpuPercent: 50, memoryPeakBytes: 50 });
  assert.deepEqual(costs.get("r2"), { cpuPercent: null, memoryPeakBytes: null });
});
