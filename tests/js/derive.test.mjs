import assert from "node:assert/strict";
import { test } from "node:test";
import { catalogueOf } from "../../robometrics/viz/catalogue.js";
import { gauge, samplesOf } from "../../robometrics/viz/derive.js";

const SLOT = 1_790_000_000;
const SLOT_MS = SLOT * 1000;
const CATALOGUE = catalogueOf([
  { name: "cpu_time_ns", kind: "counter" },
  { name: "cpu_percent", kind: "rate", source: "cpu_time_ns", scale: 1e-7 },
  { name: "memory_rss_bytes", kind: "gauge" },
]);
const cpuPercent = (batch, key = "cpu_percent") => samplesOf(batch, CATALOGUE, key);

/** A batch of two samples, 500 ms apart. */
const batch = (fields = {}) => ({
  kind: "process",
  host: "vm",
  process: "planner",
  run: "ab12cd34-123-4567",
  slot: SLOT,
  interval_ns: 500_000_000,
  offset_ns: [0, 500_000_000],
  metrics: { cpu_time_ns: [1_000_000_000, 1_250_000_000], memory_rss_bytes: [456, 789] },
  previous: { offset_ns: -500_000_000, counters: { cpu_time_ns: 500_000_000 } },
  ...fields,
});

test("100 percent is one core, and the first sample counts from the previous one", () => {
  assert.deepEqual(cpuPercent(batch()), [
    { timeMs: SLOT_MS, value: 100 },
    { timeMs: SLOT_MS + 500, value: 50 },
  ]);
});

test("a core is derived like the whole, from its own counter before", () => {
  const metrics = { cpu_time_ns: [9e9, 9.9e9], "cpu_time_ns:3": [1_000_000_000, 1_100_000_000] };
  const counters = { cpu_time_ns: 0, "cpu_time_ns:3": 900_000_000 };
  const previous = { offset_ns: -500_000_000, counters };
  assert.deepEqual(
    cpuPercent(batch({ metrics, previous }), "cpu_percent:3").map(({ value }) => value),
    [20, 20],
  );
});

test("the first reading of a run has no rate", () => {
  assert.deepEqual(cpuPercent(batch({ previous: undefined })), [
    { timeMs: SLOT_MS + 500, value: 50 },
  ]);
});

test("a rate across missing samples is their mean", () => {
  const metrics = { cpu_time_ns: [1_000_000_000, null] };
  const previous = { offset_ns: -4_000_000_000, counters: { cpu_time_ns: 0 } };
  assert.deepEqual(cpuPercent(batch({ metrics, previous })), [
    { timeMs: SLOT_MS, value: 25 },
    { timeMs: SLOT_MS + 500, value: NaN },
  ]);
});

test("a counter that went back is not a rate", () => {
  const previous = { offset_ns: -500_000_000, counters: { cpu_time_ns: 2_000_000_000 } };
  assert.ok(Number.isNaN(cpuPercent(batch({ previous }))[0].value));
});

test("a previous reading without this counter is none", () => {
  const previous = { offset_ns: -500_000_000, counters: {} };
  assert.equal(cpuPercent(batch({ previous })).length, 1);
});

test("a column of one value belongs to the last sample", () => {
  const single = batch({ metrics: { cpu_time_ns: [1_500_000_000], memory_rss_bytes: [1] } });
  assert.deepEqual(gauge(single, "memory_rss_bytes"), [{ timeMs: SLOT_MS + 500, value: 1 }]);
  assert.deepEqual(cpuPercent(single), [{ timeMs: SLOT_MS + 500, value: 100 }]);
});

test("null could not be read; a metric not carried has no samples", () => {
  const metrics = { memory_rss_bytes: [null, 5] };
  assert.deepEqual(
    gauge(batch({ metrics }), "memory_rss_bytes").map(({ value }) => value),
    [NaN, 5],
  );
  assert.deepEqual(cpuPercent(batch({ metrics })), []);
});

test("of all instances the highest counts at each time, and one that failed hides none", () => {
  const metrics = {
    "temperature_celsius:cpu": [50, null],
    "temperature_celsius:gpu": [null, 61],
    "temperature_celsius:board": [40, 70],
    "temperature_celsius_limit:cpu": [105, 105],
  };
  const of = (some) => samplesOf(batch({ metrics: some }), CATALOGUE, "temperature_celsius:*");
  assert.deepEqual(of(metrics), [
    { timeMs: SLOT_MS, value: 50 },
    { timeMs: SLOT_MS + 500, value: 70 },
  ]);
  assert.deepEqual(of({ memory_rss_bytes: [1, 2] }), []);
});

/** A batch of one CPU clock, in ms; the first reading is what was before the batch. */
const clock = (timesMs, cpuMs) => {
  const [before, ...offset_ns] = timesMs.map((ms) => ms * 1e6);
  const [first, ...cpu_time_ns] = cpuMs.map((ms) => ms * 1e6);
  const previous = { offset_ns: before, counters: { cpu_time_ns: first } };
  return batch({ offset_ns, metrics: { cpu_time_ns }, previous });
};
const percents = (...of) => cpuPercent(clock(...of)).map(({ value }) => Math.round(value * 1e6) / 1e6);

test("a CPU clock that moves every 4 ms shows one core and not four", () => {
  const timesMs = Array.from({ length: 1001 }, (_, i) => i - 1);
  const seen = percents(timesMs, timesMs.map((ms) => 100 + Math.floor(ms / 4) * 4));
  assert.equal(seen.length, 1000, "each sample keeps its value");
  assert.ok(Math.min(...seen) >= 90 && Math.max(...seen) <= 110, String(seen));
});

test("steps that are long enough are taken as they are", () => {
  assert.deepEqual(percents([-1, 99, 139, 239], [0, 10, 50, 50]), [10, 100, 0]);
});

test("what is left over joins the stretch before it", () => {
  assert.deepEqual(percents([-1, 99, 139, 149], [0, 10, 10, 35]), [10, 50, 50]);
});

test("a stretch ends at a reset", () => {
  assert.deepEqual(percents([-1, 49, 99, 109, 159], [50, 75, 0, 10, 60]), [50, NaN, 100, 100]);
});

test("what is too short altogether has no rate", () => {
  assert.deepEqual(percents([-1, 0], [0, 4]), [NaN]);
  assert.deepEqual(percents([-1, 0, 10, 20], [0, 4, 14, 24]), [NaN, NaN, NaN]);
});
