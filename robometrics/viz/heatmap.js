/** A chart of many rows, one dot for each step: time on x, a row for each core on y. */

import uPlot from "uplot";
import { timeMark } from "./axes.js";
import { SYNC_KEYS } from "./chart.js";
import { takeDrag } from "./drag.js";
import { floorTo } from "./grid.js";
import { paintRow, parseRgb, shadesOf } from "./heat.js";
import { drawGaps, drawMarks } from "./overlay.js";
import { cssColor } from "./theme.js";
import { Touching } from "./touching.js";

/** Rows between two names on the axis, as people count. */
const NAME_STEPS = [1, 2, 4, 8, 16, 32, 64, 128];
const NAME_MIN_PX = 18;

const STOPS = ["--heat-0", "--heat-1", "--heat-2", "--heat-3", "--heat-4"];

/**
 * @typedef {object} HeatScene
 * @property {number} fromMs
 * @property {number} toMs
 * @property {number} stepMs
 * @property {string[]} names of the rows, from the top
 * @property {(import("./track.js").Track | undefined)[]} tracks
 * @property {number} joined steps without a sample that are no gap
 * @property {number} max value of the last shade
 * @property {number} version of what the tracks hold
 * @property {import("./overlay.js").Mark[]} marks
 * @property {import("./overlay.js").Stretch[]} gaps
 * @property {boolean} isUtc
 */

/**
 * @typedef {object} HeatHandlers
 * @property {(fromMs: number, toMs: number) => void} onZoom
 * @property {(fromMs: number, toMs: number) => void} onMove
 * @property {() => void} onReset
 * @property {(timeMs: number | null, row: number | null) => void} onCursor row null: the cursor is in another chart
 */

export class Heatmap {
  #element;
  #handlers;
  #resizes;
  #touching;
  #picture = document.createElement("canvas");
  #painted = "";
  #shape = "";
  #startMs = 0;

  /** @type {number[]} */
  #times = [];

  /** @type {number | null} */
  #row = null;

  /** @type {uPlot | null} */
  #plot = null;

  /** @type {HeatScene | null} */
  #scene = null;
  #shades = new Uint8ClampedArray();
  #colors = { text: "", gap: "", mark: "" };

  /** @param {HTMLElement} element takes its size from CSS @param {HeatHandlers} handlers */
  constructor(element, handlers) {
    this.#element = element;
    this.#handlers = handlers;
    this.#resizes = new ResizeObserver(() => this.#plot?.setSize(sizeOf(element)));
    this.#resizes.observe(element);
    this.#touching = new Touching(element, () => this.#plot, handlers);
  }

  /** @param {HeatScene} scene */
  draw(scene) {
    this.#scene = scene;
    const shape = JSON.stringify([scene.names, scene.isUtc]);
    if (shape !== this.#shape || !this.#plot) this.#build(shape);
    this.#paint(scene);
    this.#plot?.batch((/** @type {uPlot} */ plot) => {
      plot.setData([this.#times, this.#times.map(() => null)], false);
      const { fromMs, toMs } = this.#touching.held ?? scene;
      plot.setScale("x", { min: fromMs, max: toMs });
      plot.redraw(false);
    });
  }

  /** Colours are read again at the next draw: a canvas knows no CSS. */
  forgetColors() {
    this.#shape = this.#painted = "";
  }

  destroy() {
    this.#resizes.disconnect();
    this.#touching.destroy();
    this.#plot?.destroy();
    this.#plot = null;
  }

  /** Values to dots; only when there is another step or value. @param {HeatScene} scene */
  #paint({ fromMs, toMs, stepMs, tracks, joined, max, version }) {
    const startMs = floorTo(fromMs, stepMs);
    const length = Math.ceil((toMs - startMs) / stepMs) + 1;
    const now = JSON.stringify([startMs, length, stepMs, version, tracks.length]);
    if (now === this.#painted) return;
    this.#painted = now;
    this.#startMs = startMs;
    this.#times = Array.from({ length }, (_, i) => startMs + i * stepMs);
    this.#picture.width = length;
    this.#picture.height = tracks.length;
    const context = this.#picture.getContext("2d");
    if (!context) return;
    const picture = context.createImageData(length, tracks.length);
    /** @type {(number | null | undefined)[]} */
    const values = [];
    tracks.forEach((track, row) => {
      if (!track) return;
      track.read(startMs, length, joined, values);
      paintRow(picture.data, row, values, max, this.#shades);
    });
    context.putImageData(picture, 0, 0);
  }

  /** @param {uPlot} plot */
  #drawPicture(plot) {
    if (!this.#scene) return;
    const { ctx, bbox } = plot;
    const { stepMs, gaps, marks } = this.#scene;
    const { width, height } = this.#picture;
    drawGaps(plot, gaps, this.#colors.gap);
    const left = plot.valToPos(this.#startMs, "x", true);
    const right = plot.valToPos(this.#startMs + width * stepMs, "x", true);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    // Dots are dots, unless there are more of them than there is room for.
    ctx.imageSmoothingEnabled = width > bbox.width || height > bbox.height;
    if (width > 0 && height > 0) ctx.drawImage(this.#picture, left, bbox.top, right - left, bbox.height);
    ctx.restore();
    drawMarks(plot, marks, this.#colors.mark);
  }

  /** @param {string} shape */
  #build(shape) {
    this.#plot?.destroy();
    this.#shape = shape;
    this.#painted = "";
    this.#shades = shadesOf(STOPS.map((stop) => parseRgb(cssColor(stop))));
    this.#colors = { text: cssColor("--text-dim"), gap: cssColor("--gap"), mark: cssColor("--mark") };
    this.#plot = new uPlot(this.#options(), [[], []], this.#element);
  }

  /** @returns {uPlot.Options} */
  #options() {
    const names = this.#scene?.names ?? [];
    const axis = {
      stroke: () => this.#colors.text,
      font: "11px system-ui, sans-serif",
      grid: { show: false },
      ticks: { show: false },
    };
    return {
      ...sizeOf(this.#element),
      ms: 1,
      tzDate: (timeMs) =>
        this.#scene?.isUtc ? uPlot.tzDate(new Date(timeMs), "Etc/UTC") : new Date(timeMs),
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false },
        bind: {
          dblclick: () => () => {
            this.#handlers.onReset();
            return null;
          },
        },
        sync: { key: SYNC_KEYS.clock, scales: ["x", null] },
      },
      // The first core is at the top, as a list has it.
      scales: { x: { time: true, auto: false }, y: { dir: -1, range: () => [0, names.length] } },
      axes: [
        {
          ...axis,
          space: 70,
          size: 28,
          gap: 6,
          values: (_plot, marks, _axis, _space, stepMs) =>
            marks.map((timeMs) => timeMark(timeMs, stepMs, this.#scene?.isUtc ?? false)),
        },
        {
          ...axis,
          size: 68,
          gap: 8,
          splits: (plot) => namedRows(names.length, plot.height).map((row) => row + 0.5),
          values: (_plot, marks) => marks.map((mark) => names[Math.floor(mark)] ?? ""),
        },
      ],
      series: [{}, { points: { show: false } }],
      hooks: this.#hooks(),
    };
  }

  /** @returns {uPlot.Hooks.Arrays} */
  #hooks() {
    return {
      draw: [(plot) => this.#drawPicture(plot)],
      setSelect: [(plot) => takeDrag(plot, this.#handlers.onZoom)],
      setCursor: [
        ({ cursor: { left }, posToVal }) => {
          const isHere = left != null && left >= 0;
          this.#handlers.onCursor(isHere ? posToVal(left, "x") : null, this.#row);
        },
      ],
      ready: [
        (plot) => {
          plot.root.querySelector("canvas")?.setAttribute("aria-hidden", "true");
          plot.over.addEventListener("mousemove", ({ offsetY }) => {
            const rows = this.#scene?.names.length ?? 0;
            this.#row = Math.min(rows - 1, Math.floor((offsetY / plot.over.clientHeight) * rows));
          }, { capture: true });
          plot.over.addEventListener("mouseleave", () => (this.#row = null));
        },
      ],
    };
  }
}

/** @param {number} rows @param {number} heightPx @returns {number[]} those whose name has room */
function namedRows(rows, heightPx) {
  const step = NAME_STEPS.find((each) => (each * heightPx) / rows >= NAME_MIN_PX) ?? rows;
  return Array.from({ length: Math.ceil(rows / step) }, (_, i) => i * step);
}

/** @param {HTMLElement} element */
const sizeOf = (element) => ({ width: element.clientWidth, height: element.clientHeight });
