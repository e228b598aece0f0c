import assert from "node:assert/strict";
import { test } from "node:test";
import { gapsIn, missingText, stretchesOf } from "../../robometrics/viz/gaps.js";

const GAP = {
  ...{ id: "1", event: "gap", at_ms: 9_000, host: "vm", process: null, run: null, pid: null, exit_code: null },
  ...{ text: "the worker was killed", cause: "worker_killed", from_ms: 5_000, to_ms: 9_000 },
  ...{ missing: 4, missing_samples: null },
};

test("gaps are found among events; one whose begin nobody knows cannot be drawn", () => {
  const events = [{ ...GAP, event: "exited" }, GAP, { ...GAP, from_ms: null }];
  assert.deepEqual(gapsIn(events).map(({ cause, from_ms, to_ms, missing }) => [cause, from_ms, to_ms, missing]), [
    ["worker_killed", 5_000, 9_000, 4],
  ]);
});

test("where only some samples are missing the others are not covered", () => {
  const [whole, part, unknown] = stretchesOf([
    GAP,
    { ...GAP, missing: null, missing_samples: 3 },
    { ...GAP, missing: null, missing_samples: null },
  ]);
  assert.deepEqual([whole.isPartial, part.isPartial, unknown.isPartial], [false, true, false]);
});

test("how much is missing is told as far as it is known", () => {
  const told = (missing, missing_samples) => missingText({ ...GAP, missing, missing_samples });
  assert.deepEqual(
    [told(1, 10), told(0, 1), told(null, null)],
    ["1 batch, 10 samples", "1 sample", "not known"],
  );
});
