import assert from "node:assert/strict";
import { test } from "node:test";
import * as ranges from "../../robometrics/viz/range.js";

const NOW = Date.UTC(2026, 10, 28, 5, 0, 0);
const read = (query) => ranges.rangeFrom(new URLSearchParams(query));
const written = (range) => new URLSearchParams(ranges.rangeParameters(range)).toString();

test("an address says the range, and a range its address", () => {
  for (const query of ["", "from=-15m", "from=-24h", "from=-7d", "from=-90s"]) {
    assert.equal(written(read(query)), query);
  }
  const fixed = { fromMs: NOW - 5000, toMs: NOW };
  assert.deepEqual(read(written(fixed)), fixed);
});

test("what makes no sense is the usual range", () => {
  for (const query of ["from=x", "from=-x", "from=-5", "to=2026-01-01", "from=2026-01-02&to=2026-01-01"]) {
    assert.deepEqual(read(query), ranges.DEFAULT_RANGE);
  }
});

test("spans are written as people say them", () => {
  const cases = [[300_000, "5m"], [86_400_000, "24h"], [7 * 86_400_000, "7d"], [90_000, "90s"], [3_600_000, "1h"]];
  for (const [spanMs, text] of cases) {
    assert.equal(ranges.formatSpan(spanMs), text);
    assert.equal(ranges.parseSpan(text), spanMs);
  }
});

test("what is dragged in either direction is at least a second, and not beyond now", () => {
  assert.deepEqual(ranges.between(NOW - 10, NOW - 5000, NOW), { fromMs: NOW - 5000, toMs: NOW - 10 });
  assert.deepEqual(ranges.between(NOW - 100, NOW - 99, NOW), { fromMs: NOW - 1099, toMs: NOW - 99 });
  assert.deepEqual(ranges.between(NOW + 5000, NOW - 5000, NOW), { fromMs: NOW - 5000, toMs: NOW });
});

test("going later than now is live again, with the same span", () => {
  const fixed = { fromMs: NOW - 90_000, toMs: NOW - 30_000 };
  assert.deepEqual(ranges.shifted(fixed, 0.25, NOW), { fromMs: NOW - 75_000, toMs: NOW - 15_000 });
  assert.deepEqual(ranges.shifted(fixed, 0.5, NOW), { spanMs: 60_000 });
  assert.deepEqual(ranges.shifted({ spanMs: 60_000 }, -0.5, NOW), { fromMs: NOW - 90_000, toMs: NOW - 30_000 });
});

test("what fingers move beyond now is live, as long as it was made", () => {
  assert.deepEqual(ranges.movedTo(NOW - 90_000.4, NOW - 30_000.4, NOW), { fromMs: NOW - 90_000, toMs: NOW - 30_000 });
  assert.deepEqual(ranges.movedTo(NOW - 50_000, NOW + 10_000, NOW), { spanMs: 60_000 });
  assert.deepEqual(ranges.movedTo(NOW - 617_123, NOW, NOW), { spanMs: 600_000 });
  assert.deepEqual(ranges.movedTo(NOW - 95_400, NOW, NOW), { spanMs: 95_000 });
});

test("closer and farther keep what is looked at", () => {
  assert.deepEqual(ranges.zoomedOut({ spanMs: 60_000 }, NOW), { spanMs: 120_000 });
  assert.deepEqual(ranges.zoomedIn({ spanMs: 60_000 }, NOW), { spanMs: 30_000 });
  const fixed = { fromMs: NOW - 60_000, toMs: NOW - 40_000 };
  assert.deepEqual(ranges.zoomedOut(fixed, NOW), { fromMs: NOW - 70_000, toMs: NOW - 30_000 });
  assert.deepEqual(ranges.zoomedIn(ranges.zoomedOut(fixed, NOW), NOW), fixed);
  assert.equal(ranges.spanOf(ranges.zoomedIn({ fromMs: NOW - 1000, toMs: NOW }, NOW)), 1000);
});
