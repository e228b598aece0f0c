/** A chart of lines on one grid of steps: a thin wrapper that keeps uPlot's traps in one place. */

import uPlot from "uplot";
import { elapsedMark, timeMark, valueEnds } from "./axes.js";
import { takeDrag } from "./drag.js";
import { floorTo } from "./grid.js";
import { drawGaps, drawMarks } from "./overlay.js";
import { DASHES } from "./palette.js";
import { lonelyIndices } from "./shape.js";
import { cssColor, faded } from "./theme.js";
import { Touching } from "./touching.js";

/** Charts that share the cursor; those that count from a beginning have their own. */
export const SYNC_KEYS = { clock: "page", elapsed: "elapsed" };

/** Distances of marks that count from a beginning, as on a clock. */
const ELAPSED_INCREMENTS_MS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800].map((seconds) => seconds * 1_000),
  ...[1, 2, 3, 6, 12, 24, 48, 120, 240].map((hours) => hours * 3_600_000),
];

/** Of more lines the extremes would cover each other. */
const BANDS_MAX = 4;

/** More lines are thin: a browser without a GPU takes five times as long to stroke a wider one. */
const WIDE_MAX = 20;

/**
 * @typedef {object} Line
 * @property {string} key
 * @property {import("./palette.js").Paint} paint
 * @property {import("./track.js").Track | undefined} track
 * @property {number} joined steps without a sample that are no gap
 */

/**
 * @typedef {object} Scene what is drawn once
 * @property {number} fromMs
 * @property {number} toMs
 * @property {number} stepMs
 * @property {Line[]} lines
 * @property {import("./overlay.js").Mark[]} marks
 * @property {import("./overlay.js").Stretch[]} gaps
 * @property {boolean} isUtc
 * @property {boolean} isElapsed x is the time since a beginning, not since the epoch
 */

/**
 * @typedef {object} ChartHandlers
 * @property {(fromMs: number, toMs: number) => void} onZoom
 * @property {(fromMs: number, toMs: number) => void} onMove
 * @property {() => void} onReset
 * @property {(timeMs: number | null) => void} onCursor null: it is elsewhere
 * @property {(key: string | null) => void} onNearest the line under the cursor
 */

/** @typedef {(number | null | undefined)[]} Column */

export class Chart {
  /** Times, then mean, least and greatest of each line: reused, a draw allocates little. @type {Column[]} */
  #data = [[]];
  #shape = "";
  #element;
  #style;
  #handlers;
  #resizes;
  #touching;

  /** @type {uPlot | null} */
  #plot = null;

  /** @type {Scene} */
  #scene = { fromMs: 0, toMs: 1, stepMs: 1, lines: [], marks: [], gaps: [], isUtc: false, isElapsed: false };
  #colors = { grid: "", text: "", gap: "", mark: "", lines: /** @type {string[]} */ ([]) };

  /**
   * @param {HTMLElement} element takes its size from CSS
   * @param {import("./units.js").UnitStyle} style
   * @param {ChartHandlers} handlers
   */
  constructor(element, style, handlers) {
    this.#element = element;
    this.#style = style;
    this.#handlers = handlers;
    this.#resizes = new ResizeObserver(() => this.#plot?.setSize(sizeOf(element)));
    this.#resizes.observe(element);
    this.#touching = new Touching(element, () => this.#plot, handlers);
  }

  /** @param {Scene} scene */
  draw(scene) {
    this.#scene = scene;
    // One line more or less is another chart: uPlot's own way to add one leaks paths.
    const shape = JSON.stringify([scene.isUtc, scene.lines.map(({ key, paint }) => [key, paint])]);
    if (shape !== this.#shape || !this.#plot) this.#build(shape);
    this.#fill(scene);
    this.#plot?.batch((/** @type {uPlot} */ plot) => {
      plot.setData(/** @type {uPlot.AlignedData} */ (/** @type {unknown} */ (this.#data)), false);
      const { fromMs, toMs } = this.#touching.held ?? scene;
      plot.setScale("x", { min: fromMs, max: toMs });
    });
  }

  /** Colours are read again at the next draw: a canvas knows no CSS. */
  forgetColors() {
    this.#shape = "";
  }

  destroy() {
    this.#resizes.disconnect();
    this.#touching.destroy();
    this.#plot?.destroy();
    this.#plot = null;
  }

  get #hasBands() {
    return this.#scene.lines.length <= BANDS_MAX;
  }

  /** @param {Scene} scene */
  #fill({ fromMs, toMs, stepMs, lines }) {
    // One step more on each side, so that lines run on to the edges.
    const startMs = floorTo(fromMs, stepMs) - stepMs;
    const length = Math.ceil((toMs - startMs) / stepMs) + 1;
    const times = this.#data[0];
    times.length = length;
    for (let i = 0; i < length; i += 1) times[i] = startMs + i * stepMs;
    lines.forEach(({ track, joined }, i) => {
      const columns = this.#columnsOf(i);
      if (track) track.read(startMs, length, joined, columns[0], columns[1], columns[2]);
      else for (const column of columns) fillNulls(column, length);
    });
  }

  /** @param {number} i number of a line @returns {Column[]} */
  #columnsOf(i) {
    const each = this.#hasBands ? 3 : 1;
    return this.#data.slice(1 + each * i, 1 + each * (i + 1));
  }

  /** @param {string} shape */
  #build(shape) {
    this.#plot?.destroy();
    this.#shape = shape;
    this.#colors = {
      grid: cssColor("--grid"),
      text: cssColor("--text-dim"),
      gap: cssColor("--gap"),
      mark: cssColor("--mark"),
      lines: this.#scene.lines.map(({ paint }) => cssColor(`--series-${paint.color}`)),
    };
    const columns = this.#scene.lines.length * (this.#hasBands ? 3 : 1);
    this.#data = Array.from({ length: 1 + columns }, () => []);
    const data = /** @type {uPlot.AlignedData} */ (/** @type {unknown} */ (this.#data));
    this.#plot = new uPlot(this.#options(), data, this.#element);
  }

  /** @returns {uPlot.Options} */
  #options() {
    const style = this.#style;
    const axis = {
      stroke: () => this.#colors.text,
      font: "11px system-ui, sans-serif",
      grid: { stroke: () => this.#colors.grid, width: 1 },
      ticks: { show: false },
    };
    return {
      ...sizeOf(this.#element),
      ms: 1,
      tzDate: (timeMs) =>
        this.#scene.isUtc || this.#scene.isElapsed ? uPlot.tzDate(new Date(timeMs), "Etc/UTC") : new Date(timeMs),
      padding: [8, 12, 0, 0],
      legend: { show: false },
      focus: { alpha: this.#scene.lines.length > 1 ? 0.35 : 1 },
      cursor: {
        y: false,
        focus: { prox: 24 },
        drag: { x: true, y: false, setScale: false },
        bind: {
          dblclick: () => () => {
            this.#handlers.onReset();
            return null;
          },
        },
        sync: { key: SYNC_KEYS[this.#scene.isElapsed ? "elapsed" : "clock"], scales: ["x", null] },
        points: { size: 6, width: 2 },
      },
      scales: {
        x: { time: true, auto: false },
        y: { range: (_plot, min, max) => valueEnds(style, min, max) },
      },
      axes: [
        {
          ...axis,
          space: 70,
          ...(this.#scene.isElapsed ? { incrs: ELAPSED_INCREMENTS_MS } : {}),
          size: 28,
          gap: 6,
          values: (_plot, marks, _axis, _space, stepMs) =>
            marks.map((timeMs) => this.#timeMark(timeMs, stepMs)),
        },
        {
          ...axis,
          space: 32,
          size: 68,
          gap: 8,
          incrs: style.increments,
          values: (_plot, marks) => marks.map(style.mark),
        },
      ],
      series: [{}, ...this.#scene.lines.flatMap((line, i) => this.#series(line, i))],
      bands: this.#hasBands
        ? this.#scene.lines.map((_, i) => ({
            series: /** @type {[number, number]} */ ([3 * i + 3, 3 * i + 2]),
            fill: () => faded(this.#colors.lines[i], 22),
          }))
        : [],
      hooks: this.#hooks(),
    };
  }

  /** @param {number} timeMs @param {number} stepMs */
  #timeMark(timeMs, stepMs) {
    const { isElapsed, isUtc } = this.#scene;
    return isElapsed ? elapsedMark(timeMs, stepMs) : timeMark(timeMs, stepMs, isUtc);
  }

  /** @param {Line} line @param {number} i @returns {uPlot.Series[]} */
  #series({ paint }, i) {
    const isAlone = this.#scene.lines.length === 1 && this.#style.isFromZero;
    const mean = {
      stroke: () => this.#colors.lines[i],
      fill: isAlone ? () => faded(this.#colors.lines[i], 14) : undefined,
      dash: DASHES[paint.dash],
      width: this.#scene.lines.length <= WIDE_MAX ? 1.5 : 1,
      // A lone sample between two gaps has no line: it is drawn as a point.
      points: { show: false, size: 4, filter: () => lonelyIndices(this.#columnsOf(i)[0]) },
    };
    const edge = { stroke: "transparent", width: 0, points: { show: false } };
    return this.#hasBands ? [mean, edge, { ...edge }] : [mean];
  }

  /** @returns {uPlot.Hooks.Arrays} */
  #hooks() {
    const each = this.#hasBands ? 3 : 1;
    return {
      drawClear: [(plot) => drawGaps(plot, this.#scene.gaps, this.#colors.gap)],
      draw: [(plot) => drawMarks(plot, this.#scene.marks, this.#colors.mark)],
      setSelect: [(plot) => takeDrag(plot, this.#handlers.onZoom)],
      setCursor: [
        ({ cursor: { idx, left } }) => {
          const isHere = idx != null && left != null && left >= 0;
          this.#handlers.onCursor(isHere ? (this.#data[0][idx] ?? null) : null);
        },
      ],
      setSeries: [
        (_plot, at) => {
          const line = at == null ? undefined : this.#scene.lines[Math.floor((at - 1) / each)];
          this.#handlers.onNearest(line?.key ?? null);
        },
      ],
      ready: [
        (plot) => plot.root.querySelector("canvas")?.setAttribute("aria-hidden", "true"),
      ],
    };
  }
}

/** @param {Column} column @param {number} length */
function fillNulls(column, length) {
  column.length = length;
  column.fill(null);
}

/** @param {HTMLElement} element */
const sizeOf = (element) => ({ width: element.clientWidth, height: element.clientHeight });
