import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { catalogueOf } from "../../robometrics/viz/catalogue.js";
import { HEAD_MS, Session } from "../../robometrics/viz/session.js";
import { hostId, processId } from "../../robometrics/viz/series.js";

const START = 1_790_000_000;
const PLANNER = processId("vm", "planner");
const HOST = hostId("vm");
const CATALOGUE = catalogueOf([
  { name: "memory_rss_bytes", kind: "gauge", period_seconds: 0 },
  { name: "cpu_time_ns", kind: "counter", period_seconds: 0 },
  { name: "cpu_percent", kind: "rate", source: "cpu_time_ns", scale: 1e-7, period_seconds: 0 },
]);

const valueAt = (second) => (second * 7_919) % 1_000;

/** One sample in a slot: its value is known by its second. */
const batch = (slot, id = PLANNER) => ({
  kind: id.process === null ? "host" : "process",
  host: id.host,
  ...(id.process === null ? {} : { process: id.process }),
  run: "r1",
  slot,
  interval_ns: 1e9,
  offset_ns: [0],
  metrics: { memory_rss_bytes: [valueAt(slot)] },
});

/** A server with a sample of each second, its store some seconds behind. */
class World {
  seconds = START;
  behindSeconds = 3;
  isUp = true;
  queries = [];
  subscribed = [];
  problems = [];

  constructor(stepMs, asks = [{ ids: [PLANNER], metrics: ["memory_rss_bytes"] }], spanMs = 300_000) {
    this.stepMs = stepMs;
    this.asks = asks;
    this.range = { spanMs };
  }

  get nowMs() {
    return this.seconds * 1000 + 500;
  }

  open(before = null, asks = this.asks, range = this.range) {
    const session = new Session(asks, range, CATALOGUE, {
      nowMs: () => this.nowMs,
      query: async (parameters) => this.answer(Object.fromEntries(parameters)),
      resubscribe: () => this.subscribe(session),
      onProblem: (problem) => this.problems.push(problem),
    }, before);
    this.session = session;
    session.start();
    return session;
  }

  answer({ host, process, from, to, max_points, metric }) {
    this.queries.push({ host, process, from, to, metric });
    if (!this.isUp) throw new Error("the server is away");
    const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
    const stepMs = (toMs - fromMs) / Number(max_points);
    const [time_ms, values, min, max] = [[], [], [], []];
    const stored = this.seconds - this.behindSeconds;
    for (let at = fromMs; at < toMs; at += stepMs) {
      const found = [];
      for (let second = at / 1000; second < (at + stepMs) / 1000; second += 1) {
        if (second <= stored) found.push(valueAt(second));
      }
      time_ms.push(at);
      values.push(found.length ? found.reduce((a, b) => a + b) / found.length : null);
      min.push(found.length ? Math.min(...found) : null);
      max.push(found.length ? Math.max(...found) : null);
    }
    const metrics = Object.fromEntries(metric.split(",").map((name) => [name, { values, min, max }]));
    return { series: [{ host, process: process ?? null, gpu: null, resolution: "raw", step_ms: stepMs, time_ms, metrics, gaps: [] }] };
  }

  /** What was missed comes first, from the store and from the stream. */
  subscribe(session) {
    this.subscribed = session.subscription();
    if (!this.isUp) return;
    for (const { host, process, since_ms } of this.subscribed) {
      const id = process === undefined ? hostId(host) : processId(host, process);
      const slots = [];
      for (let slot = Math.floor(since_ms / 1000); slot <= this.seconds; slot += 1) slots.push(slot);
      session.accept(slots.map((slot) => batch(slot, id)));
    }
  }

  /** Time passes, and samples arrive. */
  async pass(seconds) {
    for (let i = 0; i < seconds; i += 1) {
      this.seconds += 1;
      if (this.isUp) for (const { host, process } of this.subscribed) {
        this.session.accept([batch(this.seconds, process === undefined ? hostId(host) : processId(host, process))]);
      }
      mock.timers.tick(1000);
      for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    }
  }

  /** Everything that is shown is as it was; nothing is missing, nothing counts twice. */
  check(id = PLANNER, metric = "memory_rss_bytes") {
    const { stepMs } = this.session;
    const fromMs = Math.ceil((this.nowMs - this.range.spanMs) / stepMs) * stepMs;
    const length = Math.floor((this.nowMs - fromMs) / stepMs);
    const [mean, min, max] = [[], [], []];
    this.session.track(id, metric).read(fromMs, length, 0, mean, min, max);
    for (let i = 0; i < length; i += 1) {
      const first = (fromMs + i * stepMs) / 1000;
      const values = Array.from({ length: stepMs / 1000 }, (_, n) => valueAt(first + n));
      const wanted = values.reduce((a, b) => a + b) / values.length;
      assert.ok(mean[i] !== null, `a hole ${i} steps after the start of ${length}`);
      assert.ok(Math.abs(mean[i] - wanted) < 1e-9, `step ${i} of ${length}: ${mean[i]}, not ${wanted}`);
      assert.deepEqual([min[i], max[i]], [Math.min(...values), Math.max(...values)]);
    }
    return length;
  }
}

/** Run with a clock that only moves when told. */
async function inTime(act) {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    await act();
  } finally {
    mock.timers.reset();
  }
}

for (const [stepMs, spanMs] of [[1_000, 300_000], [10_000, 6_000_000]]) {
  test(`history and live meet without hole or repeat, in steps of ${stepMs / 1000} s`, () =>
    inTime(async () => {
      const world = new World(stepMs, undefined, spanMs);
      world.open();
      assert.equal(world.session.stepMs, stepMs);
      await world.pass(1);
      assert.ok(world.check() > 200);
      await world.pass(400);
      assert.ok(world.check() > 200);
      assert.equal(world.queries.length, 1);
      assert.ok(Date.parse(world.queries[0].to) <= world.nowMs - HEAD_MS);
    }));
}

test("a store that is behind leaves a hole only until it has caught up", () =>
  inTime(async () => {
    const world = new World(1_000);
    world.behindSeconds = 45;
    world.open();
    await world.pass(1);
    assert.throws(() => world.check(), /a hole/);
    world.behindSeconds = 3;
    await world.pass(20);
    world.check();
    const asked = world.queries.length;
    await world.pass(200);
    assert.equal(world.queries.length, asked);
  }));

test("what a series has never had is not asked for for ever", () =>
  inTime(async () => {
    const world = new World(1_000);
    world.behindSeconds = 1e9;
    world.open();
    await world.pass(600);
    assert.ok(world.queries.length <= 7, `${world.queries.length} queries`);
  }));

test("after a moment away the rest comes over the socket, each batch once", () =>
  inTime(async () => {
    const world = new World(1_000);
    world.open();
    await world.pass(50);
    world.isUp = false;
    world.session.lost();
    await world.pass(30);
    world.isUp = true;
    world.subscribe(world.session);
    world.session.found();
    await world.pass(1);
    world.check();
    assert.equal(world.queries.length, 1);
  }));

test("after a sleep the rest comes from the store", () =>
  inTime(async () => {
    const world = new World(1_000);
    world.open();
    await world.pass(50);
    world.isUp = false;
    world.session.lost();
    world.seconds += 3_600;
    await world.pass(200);
    world.isUp = true;
    world.session.found();
    await world.pass(2);
    world.check();
    assert.equal(world.queries.length, 2);
  }));

test("a server that does not answer is asked again, and said to be away meanwhile", () =>
  inTime(async () => {
    const world = new World(1_000);
    world.isUp = false;
    world.open();
    await world.pass(3);
    assert.match(world.problems.at(-1), /away/);
    world.isUp = true;
    world.subscribe(world.session);
    await world.pass(10);
    assert.equal(world.problems.at(-1), "");
    world.check();
  }));

test("what came late, or was dropped, is asked of the store once it has it", () =>
  inTime(async () => {
    const world = new World(1_000);
    world.open();
    await world.pass(60);
    const { subscribed } = world;
    world.subscribed = [];
    await world.pass(5);
    world.subscribed = subscribed;
    await world.pass(3);
    assert.throws(() => world.check(), /a hole/);
    world.session.missed(PLANNER, (world.seconds - 7) * 1000, (world.seconds - 3) * 1000);
    await world.pass(40);
    world.check();
    world.session.missed(processId("vm", "unknown"), 0, 1);
  }));

test("one more process does not cost the others their history", () =>
  inTime(async () => {
    const world = new World(1_000);
    const before = world.open();
    await world.pass(30);
    before.stop();
    const both = [{ ids: [PLANNER, HOST], metrics: ["memory_rss_bytes"] }];
    world.open(before, both);
    await world.pass(2);
    world.check(PLANNER);
    world.check(HOST);
    assert.deepEqual(world.queries.map(({ process }) => process), ["planner", undefined]);
  }));

test("another range is all new, and a fixed one wants nothing live", () =>
  inTime(async () => {
    const world = new World(1_000);
    const before = world.open();
    await world.pass(30);
    before.stop();
    const range = { fromMs: START * 1000 - 600_000, toMs: START * 1000 - 300_000 };
    const session = world.open(before, world.asks, range);
    await world.pass(2);
    assert.deepEqual(session.subscription(), []);
    assert.ok(session.track(PLANNER, "memory_rss_bytes").summary(range.fromMs, range.toMs - 1));
    const { version } = session;
    session.accept([batch(world.seconds)]);
    assert.equal(session.version, version);
  }));

test("metrics are asked for by name, and watched by what they are made of", () =>
  inTime(async () => {
    const world = new World(1_000, [{ ids: [PLANNER], metrics: ["cpu_percent", "cpu_percent:3"] }]);
    world.open();
    assert.deepEqual(world.subscribed[0].metrics, ["cpu_time_ns", "cpu_time_ns:3"]);
    assert.equal(world.queries[0].metric, "cpu_percent,cpu_percent:3");
  }));

test("a stopped session is silent", () =>
  inTime(async () => {
    const world = new World(1_000);
    world.isUp = false;
    world.open();
    await world.pass(1);
    const { length } = world.queries;
    world.session.stop();
    await world.pass(60);
    assert.equal(world.queries.length, length);
  }));
