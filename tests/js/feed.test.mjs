import assert from "node:assert/strict";
import { test } from "node:test";
import { Feed, LATEST_MS, REFETCH_MS } from "../../robometrics/viz/feed.js";
import { WINDOW_MS } from "../../robometrics/viz/series.js";

const START_SECONDS = 1_790_000_000;
const PLANNER = { host: "vm", process: "planner" };
const HOST = { host: "vm", process: null };

/** A batch of one sample, at the start of its slot. */
const batch = (slot, fields = {}) => ({
  kind: "process",
  ...PLANNER,
  run: "ab12cd34-123-4567",
  slot,
  interval_ns: 1e9,
  offset_ns: [0],
  metrics: { cpu_time_ns: [slot * 1e6], memory_rss_bytes: [slot] },
  ...fields,
});

function feedAt(shown = PLANNER) {
  const clock = { nowMs: START_SECONDS * 1000 };
  const feed = new Feed(() => clock.nowMs);
  feed.follow([PLANNER, HOST], shown);
  return { clock, feed };
}

const memoryValues = (feed) => {
  const [times, values] = [[], []];
  feed.of(PLANNER).memoryBytes.fill(times, values);
  return values.map((value) => value && value - START_SECONDS);
};

test("the shown series is asked for its window, the others for the last moments", () => {
  const { clock, feed } = feedAt();
  assert.deepEqual(feed.subscription(), [
    { ...PLANNER, since_ms: clock.nowMs - WINDOW_MS },
    { host: "vm", since_ms: clock.nowMs - LATEST_MS },
  ]);
});

test("a later connection resumes after the newest sample", () => {
  const { clock, feed } = feedAt();
  feed.subscription();
  feed.accept([batch(START_SECONDS + 15)]);
  clock.nowMs += 20_000;
  feed.disconnected();
  assert.equal(feed.subscription()[0].since_ms, (START_SECONDS + 15) * 1000 + 1);
});

test("a connection lost inside its backfill is backfilled again", () => {
  const { clock, feed } = feedAt();
  feed.subscription();
  feed.accept([batch(START_SECONDS)]);
  clock.nowMs += 1000;
  feed.disconnected();
  assert.equal(feed.subscription()[0].since_ms, clock.nowMs - WINDOW_MS);
});

test("a batch delivered twice counts once", () => {
  const { feed } = feedAt();
  feed.accept([batch(START_SECONDS), batch(START_SECONDS + 1), batch(START_SECONDS)]);
  assert.deepEqual(memoryValues(feed), [0, 1]);
});

test("the same slot in another generation is another batch", () => {
  const { feed } = feedAt();
  feed.accept([batch(START_SECONDS), batch(START_SECONDS, { generation: 1 })]);
  assert.deepEqual(memoryValues(feed), [0, null, 0]);
});

test("batches of the host, of others and of GPUs go where they belong", () => {
  const { feed } = feedAt();
  const { process, ...rest } = batch(START_SECONDS);
  const metrics = { memory_used_bytes: [7] };
  feed.accept([
    { ...rest, kind: "host", metrics },
    { ...rest, kind: "gpu", index: 0, metrics },
    batch(START_SECONDS, { process: "unknown" }),
  ]);
  assert.equal(feed.of(HOST).memoryBytes.last.value, 7);
  assert.equal(feed.of(HOST).memoryBytes.length, 1);
  assert.equal(feed.of(PLANNER).memoryBytes.length, 0);
});

test("what is missing of the shown series is asked for again, calmly", () => {
  const { clock, feed } = feedAt();
  feed.subscription();
  feed.accept([batch(START_SECONDS)]);
  assert.equal(feed.missed(PLANNER), REFETCH_MS);
  clock.nowMs += REFETCH_MS + 1;
  assert.equal(feed.missed(PLANNER), 0);
  assert.equal(feed.subscription()[0].since_ms, clock.nowMs - WINDOW_MS);
  assert.ok(Number.isNaN(feed.missed(HOST)));
  assert.ok(Number.isNaN(feed.missed({ host: "other", process: null })));
});

test("late batches fill their hole", () => {
  const { feed } = feedAt();
  feed.accept([batch(START_SECONDS - 9), batch(START_SECONDS)]);
  assert.deepEqual(memoryValues(feed), [-9, null, 0]);
  feed.accept([-8, -7, -6, -5, -4, -3, -2, -1].map((i) => batch(START_SECONDS + i)));
  assert.deepEqual(memoryValues(feed), [-9, -8, -7, -6, -5, -4, -3, -2, -1, 0]);
});

test("nothing older than the window is kept", () => {
  const { clock, feed } = feedAt();
  for (let i = 0; i < 2000; i += 1) {
    clock.nowMs += 1000;
    feed.accept([batch(START_SECONDS + i)]);
  }
  assert.ok(feed.of(PLANNER).memoryBytes.length <= WINDOW_MS / 1000 + 11);
  feed.accept([batch(START_SECONDS + 5)]);
  assert.ok(feed.of(PLANNER).memoryBytes.length <= WINDOW_MS / 1000 + 11);
});

test("series followed before and after keep their samples, others go", () => {
  const { feed } = feedAt();
  feed.accept([batch(START_SECONDS)]);
  feed.follow([PLANNER], PLANNER);
  assert.equal(feed.of(PLANNER).memoryBytes.length, 1);
  assert.equal(feed.of(HOST), undefined);
});

test("an old value is not a latest value", () => {
  const { clock, feed } = feedAt();
  feed.accept([batch(START_SECONDS)]);
  const key = JSON.stringify(["vm", "planner"]);
  assert.deepEqual(feed.latest().get(key), { cpuPercent: null, memoryBytes: START_SECONDS });
  clock.nowMs += LATEST_MS + 1;
  assert.deepEqual(feed.latest().get(key), { cpuPercent: null, memoryBytes: null });
});
