/** The newest values of what is shown, unless they are old. */

import { describe } from "./catalogue.js";
import { nowMs } from "./clock.js";
import { isLive } from "./range.js";
import { pausedMs, route, session, tick } from "./state.js";

/** Older than this a value is not the present one. */
export const LATEST_MS = 10_000;

/** Whether what is shown goes up to now. */
const isShownNow = () => isLive(route.value.range) && pausedMs.value === null;

/**
 * Whether the newest value is the present one: it is shown up to now, and not old.
 * @param {import("./track.js").Track | undefined} track
 * @param {string} metric
 */
export function isNow(track, metric) {
  if (!track?.last || !session.value || !isShownNow()) return false;
  const { catalogue, stepMs } = session.value;
  const periodMs = 1000 * describe(catalogue, metric).period_seconds;
  return track.last.timeMs >= nowMs() - Math.max(LATEST_MS, 2 * stepMs, 3 * periodMs);
}

/**
 * Follows the page's second: who calls it while rendering is rendered again.
 * @param {import("./series.js").SeriesId} id
 * @param {string} metric
 * @returns {number | null}
 */
export function latestOf(id, metric) {
  tick.value;
  const track = session.value?.track(id, metric);
  if (!track?.last || (isShownNow() && !isNow(track, metric))) return null;
  return track.last.value;
}
