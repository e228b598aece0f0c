/**
 * Rows of a table whose values change each second: written to the DOM directly, only
 * those in sight, and only what differs. Nothing is rendered for it.
 */

import { nowMs } from "./clock.js";
import { onDraw } from "./loop.js";
import { COLUMNS } from "./proctable.js";
import { processId } from "./series.js";
import { drawSparkline } from "./sparkline.js";
import { session, shownBounds, tick } from "./state.js";
import { cellText } from "./tablevalues.js";
import { formatDuration } from "./units.js";

/** A line of one core's tenth is already a line. */
const SPARK_TOP_PERCENT = 10;

/** What is out of sight is still read, by those who read without eyes: seldom is enough. */
const TICKS_OUT_OF_SIGHT = 10;

/**
 * @typedef {object} Row
 * @property {import("./api.js").Process} process
 * @property {[HTMLElement, import("./proctable.js").Column][]} cells
 * @property {HTMLElement | null} since
 * @property {HTMLCanvasElement | null} spark
 */

export class LiveRows {
  /** @type {Map<Element, Row>} */
  #rows = new Map();

  /** @type {Set<Element>} */
  #inSight = new Set();
  #drawnTick = -1;
  #sight;
  #stop;

  constructor() {
    this.#sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) this.#inSight.add(target);
        else this.#inSight.delete(target);
      }
      this.#drawnTick = -1;
    });
    this.#stop = onDraw(() => this.#draw());
  }

  /** @param {HTMLElement} element a row just put into the page @param {import("./api.js").Process} process */
  watch(element, process) {
    /** @param {string} id */
    const cell = (id) => /** @type {HTMLElement | null} */ (element.querySelector(`[data-value="${id}"]`));
    this.#rows.set(element, {
      process,
      cells: COLUMNS.flatMap((column) => {
        const found = column.metrics ? cell(column.id) : null;
        return found ? [/** @type {[HTMLElement, typeof column]} */ ([found, column])] : [];
      }),
      since: cell("since"),
      spark: element.querySelector("canvas"),
    });
    this.#sight.observe(element);
    this.#drawnTick = -1;
  }

  /** @param {HTMLElement} element */
  forget(element) {
    this.#rows.delete(element);
    this.#inSight.delete(element);
    this.#sight.unobserve(element);
  }

  destroy() {
    this.#stop();
    this.#sight.disconnect();
  }

  #draw() {
    if (tick.peek() === this.#drawnTick) return;
    this.#drawnTick = tick.peek();
    const rows = [...this.#inSight].flatMap((element) => this.#rows.get(element) ?? []);
    const isForAll = this.#drawnTick % TICKS_OUT_OF_SIGHT === 0;
    const { fromMs, toMs } = shownBounds(nowMs());
    // First all lines, which ask for their size, then all texts: one layout, not one for each row.
    for (const { process, spark } of rows) {
      if (!spark) continue;
      const track = session.value?.track(processId(process.host, process.process), "cpu_percent");
      drawSparkline(spark, track, fromMs, toMs, { topMin: SPARK_TOP_PERCENT, color: "--series-0" });
    }
    for (const row of isForAll ? this.#rows.values() : rows) this.#write(row);
  }

  /** @param {Row} row */
  #write({ process, cells, since }) {
    const id = processId(process.host, process.process);
    const isOver = process.state === "exited";
    for (const [element, column] of cells) write(element, isOver ? "" : cellText(id, column));
    const isUp = !isOver && process.started_ms !== null;
    if (since) write(since, isUp ? formatDuration(nowMs() - (process.started_ms ?? 0)) : "");
  }
}

/** @param {HTMLElement} element @param {string} text */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
