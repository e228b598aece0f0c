/** The steps that a chart of a range is cut into. Pure. */

import { boundsOf, formatSpan, isLive, spanOf } from "./range.js";

const SECOND_MS = 1_000;

/** A short stretch of the past is shown in samples: see `stepOf`. */
const EXACT_SPAN_MAX_MS = 120_000;
const EXACT_STEPS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500];
const EXACT_STEPS_MAX = 2_000;
const EXACT_SERIES_MAX = 20;

/** Steps as clocks have them; beyond a second, multiples of the server's windows. */
const STEPS_MS = [
  ...[1, 2, 5, 10, 20, 30].map((seconds) => seconds * SECOND_MS),
  ...[1, 2, 5, 10, 20, 30].map((minutes) => minutes * 60_000),
  ...[1, 2, 3, 6, 12, 24].map((hours) => hours * 3_600_000),
];

/** Steps of a chart as wide as a page: a point every two pixels or so. */
const STEPS_MAX = 600;

/**
 * What is live is shown in steps of a second or more; a short stretch of the past so
 * fine that each sample of a fast recording has its own.
 * @param {import("./range.js").Range} range
 * @param {number} [seriesCount] samples of very many would be too much
 * @returns {number} length of a step, in ms
 */
export function stepOf(range, seriesCount = 1) {
  if (!isLive(range) && spanOf(range) <= EXACT_SPAN_MAX_MS && seriesCount <= EXACT_SERIES_MAX) {
    const wantedMs = spanOf(range) / EXACT_STEPS_MAX;
    return /** @type {number} */ (EXACT_STEPS_MS.find((stepMs) => stepMs >= wantedMs));
  }
  const wantedMs = spanOf(range) / STEPS_MAX;
  const lastMs = STEPS_MS[STEPS_MS.length - 1];
  return STEPS_MS.find((stepMs) => stepMs >= wantedMs) ?? Math.ceil(wantedMs / lastMs) * lastMs;
}

/** Whether steps are so short that they hold exact samples. @param {number} stepMs */
export const isExact = (stepMs) => stepMs < SECOND_MS;

/** @param {number} stepMs */
export const formatStep = (stepMs) => (isExact(stepMs) ? `${stepMs} ms` : formatSpan(stepMs));

/** @param {number} timeMs @param {number} stepMs */
export const floorTo = (timeMs, stepMs) => Math.floor(timeMs / stepMs) * stepMs;

/** @param {number} timeMs @param {number} stepMs */
export const ceilTo = (timeMs, stepMs) => Math.ceil(timeMs / stepMs) * stepMs;

/**
 * The whole steps that a range touches.
 * @param {import("./range.js").Range} range
 * @param {number} stepMs
 * @param {number} nowMs
 */
export function stepsOf(range, stepMs, nowMs) {
  const { fromMs, toMs } = boundsOf(range, nowMs);
  const [startMs, stopMs] = [floorTo(fromMs, stepMs), ceilTo(toMs, stepMs)];
  return { startMs, stopMs, length: Math.round((stopMs - startMs) / stepMs) };
}
