import assert from "node:assert/strict";
import { test } from "node:test";
import * as units from "../../robometrics/viz/units.js";

test("bytes keep three digits and take IEC units", () => {
  const cases = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "0.98 KiB"],
    [1536, "1.50 KiB"],
    [10 * 1024, "10.0 KiB"],
    [999.4 * 1024, "999 KiB"],
    [999.6 * 1024, "0.98 MiB"],
    [498.7 * 1024 ** 2, "499 MiB"],
    [3 * 1024 ** 3, "3.00 GiB"],
    [2 ** 70, "1048576 PiB"],
  ];
  for (const [bytes, text] of cases) assert.equal(units.formatBytes(bytes), text);
});

test("what is not known is a dash, never a zero", () => {
  for (const nothing of [null, undefined, NaN, Infinity]) {
    assert.equal(units.formatBytes(nothing), units.NO_VALUE);
    assert.equal(units.formatPercent(nothing), units.NO_VALUE);
  }
});

test("a part of a whole is never shown as more than the whole", () => {
  assert.equal(units.within(201, 200), 200);
  assert.equal(units.within(199, 200), 199);
  assert.equal(units.within(201, null), 201, "of an unknown whole it is what it is");
  for (const nothing of [null, undefined, NaN]) assert.equal(units.within(nothing, 200), nothing);
});

test("percent drops its decimal from 100 on", () => {
  assert.equal(units.formatPercent(0), "0.0 %");
  assert.equal(units.formatPercent(99.94), "99.9 %");
  assert.equal(units.formatPercent(99.96), "100 %");
  assert.equal(units.formatPercent(1234.5), "1235 %");
});

test("axis marks carry no needless zeros", () => {
  assert.equal(units.formatBytesMark(0), "0");
  assert.equal(units.formatBytesMark(512 * 1024 ** 2), "512 MiB");
  assert.equal(units.formatBytesMark(1.5 * 1024 ** 3), "1.5 GiB");
  assert.equal(units.formatPercentMark(2.5), "2.5 %");
});

test("the clock is local time of day", () => {
  assert.equal(units.formatClock(new Date(2026, 0, 2, 3, 4, 5, 999).getTime()), "03:04:05");
});

test("durations name their largest units", () => {
  const minuteMs = 60_000;
  assert.equal(units.formatDuration(-5), "0 s");
  assert.equal(units.formatDuration(59_999), "59 s");
  assert.equal(units.formatDuration(3 * minuteMs), "3 min");
  assert.equal(units.formatDuration(125 * minuteMs), "2 h 5 min");
  assert.equal(units.formatDuration(50 * 60 * minuteMs), "2 d 2 h");
});
