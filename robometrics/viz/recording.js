/** A recording of one process at a high rate: what is chosen, and how far it is. Pure. */

export const RATES_HZ = [10, 50, 100, 200, 500, 1000];
export const SECONDS = [1, 2, 5, 10, 30, 60];
export const USUAL = { hz: 100, seconds: 5 };

/** Batches leave the worker each second, and take a moment to be stored. */
export const STORED_MS = 2_500;

/**
 * @typedef {{state: "idle"}
 *   | {state: "asking"}
 *   | {state: "recording", burst: import("./api.js").Burst}
 *   | {state: "shown", burst: import("./api.js").Burst}
 *   | {state: "failed", reason: string}} Recording
 */

/**
 * @param {import("./api.js").Burst} burst
 * @param {number} nowMs
 * @returns {{share: number, text: string, isOver: boolean}} share: from 0 to 1
 */
export function progressOf({ from_ms, until_ms, interval_ns }, nowMs) {
  const hz = Math.round(1e9 / interval_ns);
  const spanMs = until_ms - from_ms;
  const leftMs = until_ms - nowMs;
  if (leftMs > 0) {
    const text = `Recording at ${hz} Hz: ${Math.ceil(leftMs / 1000)} s left`;
    return { share: Math.max(0, (nowMs - from_ms) / spanMs), text, isOver: false };
  }
  return { share: 1, text: "Recorded; it is being stored", isOver: leftMs <= -STORED_MS };
}

/**
 * The stretch that was recorded.
 * @param {import("./api.js").Burst} burst
 * @returns {import("./range.js").FixedRange}
 */
export const stretchOf = ({ from_ms, until_ms }) => ({
  fromMs: Math.floor(from_ms),
  toMs: Math.ceil(until_ms),
});
