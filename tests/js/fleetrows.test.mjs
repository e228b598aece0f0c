import assert from "node:assert/strict";
import { test } from "node:test";
import { UNKNOWN, byHost, chosen, orderFrom, orderText, ordered, rowOf, summaryOf } from "../../robometrics/viz/fleetrows.js";

const NOW_MS = 1_790_000_000_000;

const host = (name, changes = {}) => ({
  host: name,
  state: "live",
  first_seen_ms: 0,
  last_seen_ms: NOW_MS,
  process_count: 0,
  outbox_messages: 0,
  clock_offset_ms: 0,
  ...changes,
});

const process = (name, changes = {}) => ({
  process: name,
  state: "running",
  exit_code: null,
  last_seen_ms: NOW_MS,
  ...changes,
});

const row = (name, { measures = {}, processes = [], gpus = [], ...changes } = {}) =>
  rowOf(host(name, changes), processes, gpus, { ...UNKNOWN, ...measures }, NOW_MS);

const names = (rows) => rows.map(({ host }) => host.host);

test("names are sorted as people count, either way round", () => {
  const rows = ["robot-10", "robot-9", "Arm"].map((name) => row(name));
  assert.deepEqual(names(ordered(rows, orderFrom())), ["Arm", "robot-9", "robot-10"]);
  assert.deepEqual(names(ordered(rows, orderFrom("-host"))), ["robot-10", "robot-9", "Arm"]);
});

test("values are sorted from the most; what is not known is last either way round", () => {
  const cpu = { a: 10, b: null, c: 80, d: 10 };
  const rows = Object.entries(cpu).map(([name, percent]) => row(name, { measures: { cpu: percent } }));
  assert.deepEqual(names(ordered(rows, orderFrom("cpu"))), ["c", "a", "d", "b"]);
  assert.deepEqual(names(ordered(rows, orderFrom("-cpu"))), ["a", "d", "c", "b"]);
});

test("live hosts come first by state, and last by what needs attention", () => {
  const rows = [row("gone", { state: "offline" }), row("late", { state: "stale" }), row("well")];
  assert.deepEqual(names(ordered(rows, orderFrom("state"))), ["well", "late", "gone"]);
  assert.deepEqual(names(ordered(rows, orderFrom("attention"))), ["gone", "late", "well"]);
});

test("an order is what the address says, and the usual one is not mentioned", () => {
  for (const text of ["cpu", "-memory", "-host", "attention"]) {
    assert.deepEqual(orderText(orderFrom(text)), [text]);
  }
  for (const text of [undefined, "", "host", "nonsense", "-nonsense", "__proto__", "constructor"]) {
    assert.deepEqual(orderText(orderFrom(text)), []);
  }
});

test("a search finds hosts by their name, processes and GPUs, all words of it", () => {
  const rows = [
    row("robot-1", { processes: [process("Planner")] }),
    row("robot-2", { gpus: [{ gpu: 0, state: "live", model: "NVIDIA H100" }] }),
    row("arm", { state: "stale" }),
  ];
  assert.deepEqual(names(chosen(rows, "ROBOT", [])), ["robot-1", "robot-2"]);
  assert.deepEqual(names(chosen(rows, "planner", [])), ["robot-1"]);
  assert.deepEqual(names(chosen(rows, " robot  h100 ", [])), ["robot-2"]);
  assert.deepEqual(names(chosen(rows, "", ["stale"])), ["arm"]);
  assert.deepEqual(names(chosen(rows, "robot", ["stale"])), []);
  assert.deepEqual(names(chosen(rows, "", [])), ["robot-1", "robot-2", "arm"]);
});

test("what a host is called is never more than text", () => {
  const hostile = "<img src=x onerror=alert(1)>";
  assert.deepEqual(names(chosen([row(hostile)], "<IMG", [])), [hostile]);
  assert.deepEqual([...byHost([{ host: "__proto__" }]).keys()], ["__proto__"]);
});

test("the sum counts hosts by state, processes of live ones, and GPUs that work", () => {
  const gpus = [0, 1].map((gpu) => ({ gpu, state: "live", model: "m" }));
  const ended = process("q", { state: "exited", exit_code: 1 });
  const summary = summaryOf([
    row("a", { processes: [process("p"), ended], gpus, measures: { gpusBusy: 1 } }),
    row("b", { state: "stale", processes: [process("p")] }),
    row("c", { state: "offline" }),
    row("d"),
  ]);
  assert.deepEqual(summary.states, { live: 2, stale: 1, offline: 1 });
  assert.equal(summary.attention, 3);
  assert.deepEqual(summary.words, ["1 process running", "1 ended badly in the last hour", "1 of 2 GPUs busy"]);
  assert.deepEqual(summaryOf([row("a", { gpus })]).words, ["0 processes running", "2 GPUs"]);
  assert.deepEqual(summaryOf([]).words, ["0 processes running"]);
});
