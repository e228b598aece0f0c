import assert from "node:assert/strict";
import { test } from "node:test";
import { catalogueOf } from "../../robometrics/viz/catalogue.js";
import { Entry } from "../../robometrics/viz/entry.js";
import { processId } from "../../robometrics/viz/series.js";

const METRIC = "memory_rss_bytes";
const CATALOGUE = catalogueOf([{ name: METRIC, kind: "gauge", period_seconds: 0 }]);
const ID = processId("vm", "planner");

/** Takes in a batch of a run; tells whether it was new. */
function entryOf() {
  const entry = new Entry(ID, new Set([METRIC]), new Set([METRIC]), 1_000);
  entry.startAt(0);
  return (run, slot) =>
    entry.accept({ ...ID, kind: "process", run, slot, interval_ns: 1e9, offset_ns: [0], metrics: { [METRIC]: [1] } }, CATALOGUE, 0);
}

test("a batch is taken in once, also when two runs take turns", () => {
  const accept = entryOf();
  const found = [[1, "a"], [2, "b"], [1, "a"], [2, "b"], [3, "a"], [3, "a"]].map(([slot, run]) => accept(run, slot));
  assert.deepEqual(found, [true, true, false, false, true, false]);
});

test("of a program that is started over and over, only the last runs are remembered", () => {
  const accept = entryOf();
  const slots = Array.from({ length: 100 }, (_, i) => i);
  assert.deepEqual(slots.map((slot) => accept(`r${slot}`, slot)), slots.map(() => true));
  const known = slots.toReversed().map((slot) => !accept(`r${slot}`, slot)).indexOf(false);
  assert.ok(known >= 2 && known <= 8, `${known} runs are remembered`);
});
