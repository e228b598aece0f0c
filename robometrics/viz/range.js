/** What stretch of time is looked at: up to now, or from one time to another. Pure. */

/** @typedef {{spanMs: number}} LiveRange the last so many milliseconds, and on */
/** @typedef {{fromMs: number, toMs: number}} FixedRange since the Unix epoch */
/** @typedef {LiveRange | FixedRange} Range */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const UNITS_MS = /** @type {const} */ ({ s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS });

/** The ranges to pick from, as the address has them. */
export const QUICK = ["5m", "15m", "1h", "6h", "24h", "7d", "30d"];

/** @type {LiveRange} */
export const DEFAULT_RANGE = { spanMs: 5 * MINUTE_MS };

export const SPAN_MIN_MS = SECOND_MS;
const SPAN_MAX_MS = 3_650 * DAY_MS;
const ZOOM_STEP = 2;

/**
 * @param {Range} range
 * @returns {range is LiveRange}
 */
export const isLive = (range) => "spanMs" in range;

/** @param {Range} range */
export const spanOf = (range) => (isLive(range) ? range.spanMs : range.toMs - range.fromMs);

/**
 * @param {Range} range
 * @param {number} nowMs
 * @returns {FixedRange}
 */
export function boundsOf(range, nowMs) {
  return isLive(range) ? { fromMs: nowMs - range.spanMs, toMs: nowMs } : range;
}

/** @param {string} text as in `15m` @returns {number} NaN if it is no duration */
export function parseSpan(text) {
  const found = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text);
  if (!found) return NaN;
  return Number(found[1]) * UNITS_MS[/** @type {keyof typeof UNITS_MS} */ (found[2])];
}

/** @param {number} spanMs in the largest unit that divides it */
export function formatSpan(spanMs) {
  const units = /** @type {[string, number][]} */ (Object.entries(UNITS_MS).reverse());
  // A day is 24h and a week 7d: nobody says 1d or 168h.
  const [unit, unitMs] =
    units.find(([, ms]) => spanMs % ms === 0 && (ms < DAY_MS || spanMs > DAY_MS)) ?? units[3];
  return `${Math.max(1, Math.round(spanMs / unitMs))}${unit}`;
}

/**
 * The range of an address: `from=-15m`, or `from` and `to` in ISO 8601.
 * @param {URLSearchParams} parameters
 * @returns {Range} the usual one if they make no sense
 */
export function rangeFrom(parameters) {
  const [from, to] = [parameters.get("from") ?? "", parameters.get("to") ?? ""];
  if (from.startsWith("-")) {
    const spanMs = parseSpan(from.slice(1));
    return Number.isNaN(spanMs) ? DEFAULT_RANGE : { spanMs: limited(spanMs) };
  }
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  return fromMs < toMs ? { fromMs, toMs: fromMs + limited(toMs - fromMs) } : DEFAULT_RANGE;
}

/** @param {Range} range @returns {[string, string][]} parameters of the address */
export function rangeParameters(range) {
  if (isLive(range)) {
    return range.spanMs === DEFAULT_RANGE.spanMs ? [] : [["from", `-${formatSpan(range.spanMs)}`]];
  }
  return [
    ["from", new Date(range.fromMs).toISOString()],
    ["to", new Date(range.toMs).toISOString()],
  ];
}

/** @param {number} spanMs */
const limited = (spanMs) => Math.min(SPAN_MAX_MS, Math.max(SPAN_MIN_MS, Math.round(spanMs)));

/**
 * What was dragged over; at least a second, never beyond now.
 * @param {number} oneMs
 * @param {number} otherMs
 * @param {number} nowMs
 * @returns {FixedRange}
 */
export function between(oneMs, otherMs, nowMs) {
  const toMs = Math.min(Math.round(Math.max(oneMs, otherMs)), Math.round(nowMs));
  const fromMs = Math.min(Math.round(Math.min(oneMs, otherMs)), toMs - SPAN_MIN_MS);
  return { fromMs, toMs: fromMs + limited(toMs - fromMs) };
}

/**
 * Where a chart was moved to: what would go beyond now is live, of a length that can be read.
 * @param {number} fromMs
 * @param {number} toMs
 * @param {number} nowMs
 * @returns {Range}
 */
export function movedTo(fromMs, toMs, nowMs) {
  if (toMs < nowMs) return between(fromMs, toMs, nowMs);
  const spanMs = toMs - fromMs;
  const unitMs = [DAY_MS, HOUR_MS, MINUTE_MS].find((ms) => spanMs >= 10 * ms) ?? SECOND_MS;
  return { spanMs: limited(unitMs * Math.round(spanMs / unitMs)) };
}

/**
 * Earlier (negative) or later by a share of the span; what would go beyond now is live.
 * @param {Range} range
 * @param {number} share
 * @param {number} nowMs
 * @returns {Range}
 */
export function shifted(range, share, nowMs) {
  const { fromMs, toMs } = boundsOf(range, nowMs);
  const byMs = Math.round((toMs - fromMs) * share);
  if (toMs + byMs >= nowMs) return { spanMs: limited(toMs - fromMs) };
  return { fromMs: Math.round(fromMs) + byMs, toMs: Math.round(toMs) + byMs };
}

/**
 * @param {Range} range
 * @param {number} nowMs
 * @returns {Range} twice as long: backwards if it is live, else both ways up to now
 */
export function zoomedOut(range, nowMs) {
  if (isLive(range)) return { spanMs: limited(range.spanMs * ZOOM_STEP) };
  const { fromMs, toMs } = range;
  const byMs = (toMs - fromMs) / ZOOM_STEP;
  return between(fromMs - byMs, toMs + byMs, nowMs);
}

/**
 * @param {Range} range
 * @param {number} nowMs
 * @returns {Range} half as long: the newest half if it is live, else the middle
 */
export function zoomedIn(range, nowMs) {
  if (isLive(range)) return { spanMs: limited(range.spanMs / ZOOM_STEP) };
  const { fromMs, toMs } = range;
  const byMs = (toMs - fromMs) / (2 * ZOOM_STEP);
  return between(fromMs + byMs, toMs - byMs, nowMs);
}
