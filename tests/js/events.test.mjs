import assert from "node:assert/strict";
import { test } from "node:test";
import { ending, isBadEnd } from "../../robometrics/viz/endings.js";
import { EVENTS_MAX, filtered, isBad, marksOf, merged } from "../../robometrics/viz/events.js";

const event = (id, at_ms, fields = {}) => ({
  id, at_ms, host: "vm", event: "registered", text: "registered", process: "planner", run: null, pid: 7,
  exit_code: null, from_ms: null, to_ms: null, ...fields,
});
const ids = (events) => events.map(({ id }) => id);

test("each event is there once, newest first, and old ones go", () => {
  const known = [event("c", 30), event("b", 20), event("a", 10)];
  assert.deepEqual(ids(merged(known, [event("d", 25), event("c", 30)], 15)), ["c", "d", "b"]);
});

test("where nothing came, nothing is rendered anew", () => {
  const known = [event("a", 10)];
  assert.equal(merged(known, [event("a", 10)], 0), known);
});

test("however much happens, what is held is bounded", () => {
  const many = Array.from({ length: EVENTS_MAX + 50 }, (_, i) => event(`e${i}`, i));
  const found = merged([], many, 0);
  assert.equal(found.length, EVENTS_MAX);
  assert.equal(found[0].at_ms, EVENTS_MAX + 49);
});

test("events are found by kind, name, text and pid", () => {
  const all = [event("a", 1), event("b", 2, { event: "exited", text: "exited with code 3" }), event("c", 3, { process: null, pid: null })];
  assert.deepEqual(ids(filtered(all, ["exited"], "")), ["b"]);
  assert.deepEqual(ids(filtered(all, [], "CODE 3")), ["b"]);
  assert.deepEqual(ids(filtered(all, [], "planner")), ["a", "b"]);
  assert.deepEqual(ids(filtered(all, ["registered"], "7")), ["a"]);
});

test("a crash is bad, an end as asked for is not", () => {
  const exited = (exit_code) => isBad(event("x", 1, { event: "exited", exit_code }));
  assert.deepEqual([0, -15, -2, null].map(exited), [false, false, false, false]);
  assert.deepEqual([1, 139, -9, -11].map(exited), [true, true, true, true]);
  assert.deepEqual([ending(3), ending(-11), ending(-60)], ["code 3", "SIGSEGV", "signal 60"]);
  assert.equal(isBadEnd(null), false);
});

test("a gap is hatched where it lies, all else is a mark", () => {
  const all = [event("a", 1, { event: "exited", exit_code: -11, text: "ended by SIGSEGV" }), event("g", 2, { event: "gap" })];
  assert.deepEqual(marksOf(all), [{ timeMs: 1, text: "planner ended by SIGSEGV", isBad: true }]);
});

test("where hundreds of processes register, their marks do not cover the lines", () => {
  const all = Array.from({ length: 200 }, (_, i) => event(`e${i}`, 200 - i));
  all[70] = event("crash", 130, { event: "exited", exit_code: 1 });
  all[90] = event("worker", 110, { event: "worker_started", process: null });
  assert.deepEqual(marksOf(all).map(({ timeMs }) => timeMs), [130, 110]);
});
