/** One live line chart: a thin wrapper that keeps uPlot's traps in one place. */

import uPlot from "uplot";
import { WINDOW_MS } from "./series.js";
import { axisTop, lonelyIndices, summarize } from "./shape.js";

/** Charts that share the cursor. */
const SYNC_KEY = "detail";

/**
 * @typedef {object} ChartStyle
 * @property {string} colorVariable CSS custom property of the line's colour
 * @property {(value: number) => string} mark text of a y axis mark
 * @property {number[]} increments allowed distances of y axis marks
 * @property {number} topMin the y axis reaches at least this far
 */

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** @param {string} variable */
const color = (variable) =>
  getComputedStyle(document.documentElement).getPropertyValue(variable).trim();

export class LiveChart {
  #times = /** @type {number[]} */ ([]);
  #values = /** @type {(number | null)[]} */ ([]);
  #plot;
  #resizes;
  #colors = { line: "", fill: "", grid: "", text: "" };
  #scheme = matchMedia("(prefers-color-scheme: dark)");

  /**
   * @param {HTMLElement} element takes its size from CSS
   * @param {ChartStyle} style
   * @param {(timeMs: number, value: number | null) => void} onCursor NaN: no cursor
   */
  constructor(element, style, onCursor) {
    this.style = style;
    this.#readColors();
    this.#plot = new uPlot(this.#options(element, onCursor), [[], []], element);
    this.#scheme.addEventListener("change", this.#readColors);
    this.#resizes = new ResizeObserver(() => this.#plot.setSize(sizeOf(element)));
    this.#resizes.observe(element);
  }

  /**
   * @param {import("./columns.js").Columns | undefined} columns
   * @param {number} nowMs right edge
   * @returns {{min: number, mean: number, max: number} | null} of the window
   */
  draw(columns, nowMs) {
    const fromMs = nowMs - WINDOW_MS;
    this.#times.length = this.#values.length = 0;
    columns?.fill(this.#times, this.#values);
    this.#plot.batch(() => {
      this.#plot.setData([this.#times, this.#values], false);
      this.#plot.setScale("x", { min: fromMs, max: nowMs });
    });
    return summarize(this.#times, this.#values, fromMs);
  }

  destroy() {
    this.#scheme.removeEventListener("change", this.#readColors);
    this.#resizes.disconnect();
    this.#plot.destroy();
  }

  /** A canvas knows no CSS: colours are read again when the scheme changes. */
  #readColors = () => {
    const line = color(this.style.colorVariable);
    this.#colors = { line, fill: `${line}24`, grid: color("--grid"), text: color("--text-dim") };
  };

  /**
   * @param {HTMLElement} element
   * @param {(timeMs: number, value: number | null) => void} onCursor
   * @returns {uPlot.Options}
   */
  #options(element, onCursor) {
    const { increments, mark, topMin } = this.style;
    const axis = {
      stroke: () => this.#colors.text,
      font: "11px system-ui, sans-serif",
      grid: { stroke: () => this.#colors.grid, width: 1 },
      ticks: { show: false },
    };
    return {
      ...sizeOf(element),
      ms: 1,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: false, y: false },
        bind: { dblclick: () => null },
        sync: { key: SYNC_KEY, scales: ["x", null] },
        points: { size: 7, width: 2 },
      },
      scales: {
        x: { time: true, auto: false },
        // From zero, as an area is read by its height; the top moves in whole marks.
        y: { range: (_plot, _min, max) => [0, axisTop(max ?? 0, topMin, increments)] },
      },
      axes: [
        {
          ...axis,
          space: 70,
          size: 28,
          gap: 6,
          incrs: [60_000, 120_000, 300_000],
          values: (_plot, marks) => marks.map((timeMs) => CLOCK.format(timeMs)),
        },
        {
          ...axis,
          space: 32,
          size: 68,
          gap: 8,
          incrs: increments,
          values: (_plot, marks) => marks.map(mark),
        },
      ],
      series: [
        {},
        {
          stroke: () => this.#colors.line,
          fill: () => this.#colors.fill,
          width: 1.5,
          // A lone sample between two gaps has no line: it is drawn as a point.
          points: { show: false, size: 4, filter: () => lonelyIndices(this.#values) },
        },
      ],
      hooks: {
        setCursor: [
          ({ cursor: { idx } }) => {
            onCursor(this.#times[idx ?? -1] ?? NaN, this.#values[idx ?? -1] ?? null);
          },
        ],
        ready: [() => element.querySelector("canvas")?.setAttribute("aria-hidden", "true")],
      },
    };
  }
}

/** @param {HTMLElement} element */
const sizeOf = (element) => ({ width: element.clientWidth, height: element.clientHeight });
