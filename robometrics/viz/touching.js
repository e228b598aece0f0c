/** Fingers on a chart: two zoom, one moves it along, a double tap goes back to live. */

import { Fingers } from "./touch.js";

/**
 * @typedef {object} TouchHandlers
 * @property {(fromMs: number, toMs: number) => void} onMove fingers moved the chart there
 * @property {() => void} onReset
 */

export class Touching {
  #fingers = new Fingers();
  #listening = new AbortController();

  /**
   * @param {HTMLElement} element whose vertical pans are the browser's: `touch-action: pan-y`
   * @param {() => import("uplot") | null} plot in it
   * @param {TouchHandlers} handlers
   */
  constructor(element, plot, { onMove, onReset }) {
    /** @param {string} name @param {(event: PointerEvent, shown: import("uplot")) => void} act */
    const on = (name, act) =>
      element.addEventListener(
        name,
        (event) => {
          const [touch, shown] = [/** @type {PointerEvent} */ (event), plot()];
          if (shown && touch.pointerType === "touch") act(touch, shown);
        },
        { signal: this.#listening.signal },
      );
    on("pointerdown", (event, shown) => {
      const { min = 0, max = 1 } = shown.scales.x;
      this.#fingers.down(event.pointerId, pointOf(event, shown), { fromMs: min, toMs: max }, event.isPrimary);
    });
    on("pointermove", (event, shown) => {
      const isBegun = this.#fingers.held !== null;
      const held = this.#fingers.move(event.pointerId, pointOf(event, shown), shown.over.clientWidth);
      if (!held) return;
      if (!isBegun) shown.setCursor({ left: -10, top: -10 }); // what it pointed at moves on
      show(shown, held);
    });
    on("pointerup", (event) => {
      const { moved, isDoubleTap } = this.#fingers.up(event.pointerId, event.timeStamp);
      if (moved) onMove(moved.fromMs, moved.toMs);
      if (isDoubleTap) onReset();
    });
    on("pointercancel", (_event, shown) => {
      const before = this.#fingers.cancel();
      if (before) show(shown, before);
    });
  }

  /** What fingers hold the chart at, whatever else is to be shown; null: there are none. */
  get held() {
    return this.#fingers.held;
  }

  destroy() {
    this.#listening.abort();
  }
}

/** @param {PointerEvent} event @param {import("uplot")} plot */
function pointOf({ clientX, clientY }, plot) {
  const { left, top } = plot.over.getBoundingClientRect();
  return { x: clientX - left, y: clientY - top };
}

/** @param {import("uplot")} plot @param {import("./range.js").FixedRange} bounds */
const show = (plot, { fromMs, toMs }) => plot.setScale("x", { min: fromMs, max: toMs });
