/** How the axes of a chart are marked. */

import { axisTop } from "./shape.js";
import { formatClock, formatMoment } from "./units.js";

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Part of the range that a line has above and below it where zero means nothing. */
const PADDING = 0.08;

/**
 * A mark of the time axis: with seconds where they matter, with the day where it begins.
 * @param {number} timeMs
 * @param {number} stepMs distance of marks
 * @param {boolean} isUtc
 */
export function timeMark(timeMs, stepMs, isUtc) {
  const [date, clock] = formatMoment(timeMs, isUtc).split(" ");
  if (stepMs >= DAY_MS || clock === "00:00:00") return date.slice(5);
  if (stepMs >= MINUTE_MS) return clock.slice(0, 5);
  const isFine = stepMs < SECOND_MS; // then nobody needs the hour, and there is no room
  return `${formatClock(timeMs, isUtc).slice(isFine ? 3 : 0)}${fraction(timeMs, stepMs)}`;
}

/**
 * A mark of an axis that counts from a beginning, as in `1:30`, `2:00:00`, `3 d 0:00`.
 * @param {number} elapsedMs
 * @param {number} stepMs distance of marks
 */
export function elapsedMark(elapsedMs, stepMs) {
  if (elapsedMs < 0) return "";
  const seconds = Math.floor(elapsedMs / SECOND_MS);
  const [days, hours, minutes] = [seconds / 86_400, (seconds / 3_600) % 24, (seconds / 60) % 60].map(Math.floor);
  const clock = `${twoDigits(minutes)}:${twoDigits(seconds % 60)}`;
  if (days > 0) return `${days} d ${hours}:${twoDigits(minutes)}`;
  if (hours > 0) return `${hours}:${clock}`;
  return `${minutes}:${twoDigits(seconds % 60)}${fraction(elapsedMs, stepMs)}`;
}

/** @param {number} n */
const twoDigits = (n) => String(n).padStart(2, "0");

/**
 * What lies beyond the second, where marks are closer than that.
 * @param {number} timeMs
 * @param {number} stepMs
 */
function fraction(timeMs, stepMs) {
  if (stepMs >= SECOND_MS) return "";
  const digits = stepMs >= 100 ? 1 : stepMs >= 10 ? 2 : 3;
  return (Math.round(timeMs % SECOND_MS) / SECOND_MS).toFixed(digits).slice(1);
}

/**
 * Ends of the y axis: from zero where areas are read, else around the line.
 * @param {import("./units.js").UnitStyle} style
 * @param {number | null} min
 * @param {number | null} max
 * @returns {[number, number]}
 */
export function valueEnds(style, min, max) {
  if (style.isFromZero && (min ?? 0) >= 0) {
    return [0, axisTop(max ?? 0, style.topMin, style.increments)];
  }
  if (min === null || max === null) return [0, style.topMin];
  const padding = Math.max((max - min) * PADDING, Math.abs(max) * 1e-3, Number.MIN_VALUE);
  return [min - padding, max + padding];
}
