/** What fingers on a chart mean: each stays on the time it was put on. Pure. */

import { SPAN_MIN_MS } from "./range.js";

/** @typedef {import("./range.js").FixedRange} FixedRange */

/** @typedef {{x: number, y: number}} Point px, from the left end of the time axis */

/** A finger that moves less stands still. */
const SLOP_PX = 8;

/** Fingers that are nearer count as so far apart: a pixel more would be a leap. */
const PINCH_MIN_PX = 24;

/** Two taps in this time and place are one gesture. */
const DOUBLE_TAP_MS = 350;
const DOUBLE_TAP_PX = 32;

/**
 * The stretch in which times that lay under *before* lie under *now*.
 * @param {FixedRange} bounds shown while fingers were *before*
 * @param {number} widthPx of the time axis
 * @param {number[]} before one finger or two, in px
 * @param {number[]} now the same fingers
 * @returns {FixedRange} of one finger as long as it was; at least a second
 */
export function underFingers({ fromMs, toMs }, widthPx, before, now) {
  const spanMs = toMs - fromMs;
  const scale = before.length < 2 ? 1 : apart(before) / apart(now);
  const newMs = Math.max(SPAN_MIN_MS, spanMs * scale);
  // What lay between the fingers lies there still.
  const heldMs = fromMs + (middle(before) / widthPx) * spanMs;
  const startMs = heldMs - (middle(now) / widthPx) * newMs;
  return { fromMs: startMs, toMs: startMs + newMs };
}

/** @param {number[]} xs */
const middle = (xs) => xs.reduce((sum, x) => sum + x, 0) / xs.length;

/** @param {number[]} xs */
const apart = ([one, other]) => Math.max(PINCH_MIN_PX, Math.abs(one - other));

/** Fingers on one chart, from the first that is put on it to the last that leaves. */
export class Fingers {
  /** By id of the pointer: where each is, and where it was before it or another came or left. @type {Map<number, {now: Point, before: Point}>} */
  #fingers = new Map();

  /** Shown when fingers were *before*. @type {FixedRange} */
  #bounds = { fromMs: 0, toMs: 1 };

  /** Shown before any finger moved. @type {FixedRange} */
  #first = this.#bounds;

  /** Whether a tap may still become of it. */
  #isTap = false;

  /** The last tap. @type {Point & {timeMs: number} | null} */
  #tap = null;

  /** What is to be shown while fingers move; null: nothing else than without them. @type {FixedRange | null} */
  held = null;

  /**
   * @param {number} id
   * @param {Point} at
   * @param {FixedRange} bounds shown now
   * @param {boolean} isFirst whether the browser knows of no other: one that is here has left unseen
   */
  down(id, at, bounds, isFirst) {
    if (isFirst) {
      this.#fingers.clear();
      this.held = null;
    }
    this.#isTap = this.#fingers.size === 0;
    this.#fingers.set(id, { now: at, before: at });
    this.#rebase(this.held ?? bounds);
  }

  /**
   * @param {number} id
   * @param {Point} at
   * @param {number} widthPx of the time axis
   * @returns {FixedRange | null} what is to be shown from now on
   */
  move(id, at, widthPx) {
    const finger = this.#fingers.get(id);
    if (!finger) return null;
    finger.now = at;
    if (Math.hypot(at.x - finger.before.x, at.y - finger.before.y) > SLOP_PX) this.#isTap = false;
    if (this.held === null) {
      if (Math.abs(at.x - finger.before.x) <= SLOP_PX) return null;
      this.#rebase(this.#bounds); // or what is shown would leap by that much
    }
    const two = [...this.#fingers.values()].slice(0, 2);
    this.held = underFingers(this.#bounds, widthPx, two.map(({ before }) => before.x), two.map(({ now }) => now.x));
    return this.held;
  }

  /**
   * @param {number} id
   * @param {number} timeMs
   * @returns {{moved?: FixedRange, isDoubleTap?: boolean}} what was meant, as far as it is over
   */
  up(id, timeMs) {
    const at = this.#fingers.get(id)?.now;
    if (!at || !this.#fingers.delete(id)) return {};
    if (this.#fingers.size > 0) {
      this.#rebase(this.held ?? this.#bounds);
      return {};
    }
    if (this.held) {
      const moved = this.held;
      this.held = this.#tap = null;
      return { moved };
    }
    return this.#isTap ? this.#tapped({ ...at, timeMs }) : {};
  }

  /**
   * The browser took the fingers to scroll: nothing was meant for the chart.
   * @returns {FixedRange | null} what was shown before, if something else is shown now
   */
  cancel() {
    const shown = this.held && this.#first;
    this.#fingers.clear();
    this.held = this.#tap = null;
    return shown;
  }

  /** @param {FixedRange} bounds */
  #rebase(bounds) {
    if (this.held === null) this.#first = bounds;
    this.#bounds = bounds;
    for (const finger of this.#fingers.values()) finger.before = finger.now;
  }

  /** @param {Point & {timeMs: number}} tap */
  #tapped(tap) {
    const last = this.#tap;
    const isDoubleTap =
      last !== null &&
      tap.timeMs - last.timeMs <= DOUBLE_TAP_MS &&
      Math.hypot(tap.x - last.x, tap.y - last.y) <= DOUBLE_TAP_PX;
    this.#tap = isDoubleTap ? null : tap;
    return isDoubleTap ? { isDoubleTap } : {};
  }
}
