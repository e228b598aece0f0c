/** The newest values of what is shown, unless they are old. */

import { describe } from "./catalogue.js";
import { nowMs } from "./clock.js";
import { isLive } from "./range.js";
import { pausedMs, route, session, tick } from "./state.js";

/** Older than this a value is not the present one. */
export const LATEST_MS = 10_000;

/**
 * Follows the page's second: who calls it while rendering is rendered again.
 * @param {import("./series.js").SeriesId} id
 * @param {string} metric
 * @returns {number | null}
 */
export function latestOf(id, metric) {
  tick.value;
  const last = session.value?.track(id, metric)?.last;
  if (!last) return null;
  const isNow = isLive(route.value.range) && pausedMs.value === null;
  if (!isNow || !session.value) return last.value;
  const { catalogue, stepMs } = session.value;
  const periodMs = 1000 * describe(catalogue, metric).period_seconds;
  return last.timeMs < nowMs() - Math.max(LATEST_MS, 2 * stepMs, 3 * periodMs) ? null : last.value;
}
