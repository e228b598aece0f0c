import assert from "node:assert/strict";
import { test } from "node:test";
import { UNKNOWN } from "../../robometrics/viz/fleetrows.js";
import { LATELY_MS, endedBadly, urgency, worriesOf } from "../../robometrics/viz/worries.js";

const NOW_MS = 1_790_000_000_000;

function worries({ host = {}, processes = {}, gpus = [], measures = {} } = {}) {
  return worriesOf({
    host: { host: "h", state: "live", outbox_messages: 0, clock_offset_ms: 0, ...host },
    processes: { running: 1, total: 1, failed: 0, silent: 0, ...processes },
    gpus,
    measures: { ...UNKNOWN, ...measures },
  });
}

const texts = (found) => found.map(({ isBad, text }) => `${isBad ? "bad" : "warn"}: ${text}`);

const cases = [
  [{}, []],
  [{ host: { outbox_messages: null, clock_offset_ms: null } }, []],
  [{ host: { outbox_messages: 99, clock_offset_ms: 999 } }, []],
  [{ host: { outbox_messages: 1200 } }, ["warn: 1,200 batches wait to be sent"]],
  [{ host: { clock_offset_ms: -7040 } }, ["warn: its clock is 7.0 s behind"]],
  [{ host: { clock_offset_ms: 1000 } }, ["warn: its clock is 1.0 s ahead"]],
  [{ measures: { shed: 1 } }, ["bad: gave up 1 batch"]],
  [{ measures: { memory: 95, temperature: 96.4 } }, ["warn: memory nearly full", "warn: 96.4 °C"]],
  [{ processes: { failed: 2, silent: 1 } }, ["bad: 2 processes ended badly", "warn: 1 process silent"]],
  [{ gpus: [{ gpu: 0, state: "stale" }, { gpu: 1, state: "live" }] }, ["bad: GPU 0 silent"]],
  [{ host: { state: "stale", outbox_messages: 1200 }, measures: { shed: 3 } }, ["warn: stale"]],
  [{ host: { state: "offline" }, gpus: [{ gpu: 0, state: "stale" }] }, ["bad: offline"]],
];

for (const [what, expected] of cases) {
  test(`${JSON.stringify(what)} is ${expected.join(", ") || "nothing to worry about"}`, () => {
    assert.deepEqual(texts(worries(what)), expected);
  });
}

test("the worst is said first, and what is bad outweighs any number of hints", () => {
  const many = worries({ host: { outbox_messages: 500, clock_offset_ms: 5000 }, measures: { memory: 99, shed: 1 } });
  assert.equal(many[0].text, "gave up 1 batch");
  assert.ok(urgency(many) > urgency(worries({ measures: { shed: 1 } })));
  assert.ok(urgency(worries({ host: { state: "offline" } })) > urgency(many.slice(1)));
  assert.equal(urgency([]), 0);
});

test("a program that was asked to end did not end badly; nor did one long ago", () => {
  const ended = (exit_code, changes = {}) =>
    endedBadly({ state: "exited", exit_code, last_seen_ms: NOW_MS - 1000, ...changes }, NOW_MS);
  for (const code of [0, -2, -15, 130, 143, null]) assert.equal(ended(code), false);
  for (const code of [1, -9, -11, 137, 255]) assert.equal(ended(code), true);
  assert.equal(ended(1, { last_seen_ms: NOW_MS - LATELY_MS }), false);
  assert.equal(ended(1, { state: "running" }), false);
});
