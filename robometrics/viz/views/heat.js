/** CPU by core as a heatmap: with its scale, and what is under the cursor. */

import { useEffect, useRef } from "preact/hooks";
import { nowMs } from "../clock.js";
import { html } from "../dom.js";
import { gridHeight, gridSummary } from "../heat.js";
import { Heatmap } from "../heatmap.js";
import { onDraw } from "../loop.js";
import { route, session, shownBounds } from "../state.js";
import { paletteVersion } from "../theme.js";
import { formatClock, formatPercent, within } from "../units.js";
import { AHEAD } from "./panel.js";
import { sessionSource } from "./source.js";

/** A core has no more. */
const PERCENT_MAX = 100;

/** More rows get the whole width of the page. */
const SMALL_MAX = 16;

/** Axis and edges of the plot. */
const FRAME_PX = 36;

/** @typedef {import("./panel.js").PanelProps} PanelProps */

/** @param {PanelProps} props a line is a row */
export function HeatPanel(props) {
  const { name, title, lines } = props;
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  const latest = useRef(props);
  latest.current = props;
  useEffect(() => (root.current ? mount(root.current, () => latest.current) : undefined), []);
  return html`
    <section class="panel heat" data-chart=${name} data-rows=${lines.length}
      data-size=${lines.length > SMALL_MAX ? "large" : "small"} ref=${root}>
      <header>
        <h3>${title} <small>${lines.length} cores, mean of each step</small></h3>
        <p class="resolution" data-part="readout"></p>
      </header>
      <div class="plot" role="img" aria-label=${`${title} of ${props.subject}`} data-part="plot" style=${{ height: `${gridHeight(lines.length) + FRAME_PX}px` }}></div>
      <p class="heat-scale" aria-label="Colours from idle to busy">
        <span>0 %</span><span class="ramp" aria-hidden="true"></span><span>100 %</span>
      </p>
      <p class="nothing" data-part="nothing" hidden>No samples in this time</p>
    </section>
  `;
}

/**
 * @param {HTMLElement} root
 * @param {() => PanelProps} props
 * @returns {() => void} ends it
 */
function mount(root, props) {
  /** @param {string} name @returns {HTMLElement} */
  const part = (name) => /** @type {HTMLElement} */ (root.querySelector(`[data-part="${name}"]`));
  const [plot, readout, nothing] = ["plot", "readout", "nothing"].map(part);
  let cursor = { timeMs: /** @type {number | null} */ (null), row: /** @type {number | null} */ (null) };
  const map = new Heatmap(plot, {
    onZoom: (fromMs, toMs) => sessionSource.value?.zoom(fromMs, toMs),
    onMove(fromMs, toMs) {
      drawn = "";
      sessionSource.value?.move(fromMs, toMs);
    },
    onReset: () => sessionSource.value?.reset(),
    onCursor(timeMs, row) {
      cursor = { timeMs, row };
      write(readout, pointed());
    },
  });

  const tracks = () => props().lines.map(({ id, metric }) => session.value?.track(id, metric));

  function pointed() {
    const { timeMs, row } = cursor;
    if (timeMs === null) return "";
    const when = formatClock(timeMs, route.value.isUtc);
    if (row !== null) {
      const value = tracks()[row]?.summary(timeMs, timeMs)?.mean;
      return `${when} · core ${props().lines[row]?.label} · ${ofCore(value)}`;
    }
    return `${when} · ${saidOf(gridSummary(tracks(), timeMs, timeMs), props().lines)}`;
  }

  // What was never in sight is not even built.
  let isVisible = false;
  const sight = new IntersectionObserver(
    (seen) => (isVisible = seen.at(-1)?.isIntersecting ?? false),
    { rootMargin: AHEAD },
  );
  sight.observe(root);

  let drawn = "";
  let colors = paletteVersion.value;
  const stop = onDraw(() => {
    const shown = session.value;
    if (!shown || !isVisible) return;
    if (colors !== paletteVersion.value) {
      colors = paletteVersion.value;
      map.forgetColors();
      drawn = "";
    }
    const { lines, marks = [], subject } = props();
    const { fromMs, toMs } = shownBounds(nowMs());
    const state = JSON.stringify([fromMs, toMs, shown.version, route.value.isUtc, plot.clientWidth, lines.length, marks.length]);
    if (state === drawn) return;
    drawn = state;
    const source = /** @type {import("./source.js").Source} */ (sessionSource.value);
    map.draw({
      ...{ fromMs, toMs, marks, stepMs: shown.stepMs, version: shown.version },
      names: lines.map(({ label }) => label),
      tracks: tracks(),
      joined: source.lines(lines)[0].joined,
      max: PERCENT_MAX,
      gaps: source.gaps(lines),
      isUtc: route.value.isUtc,
    });
    const summary = gridSummary(tracks(), fromMs, toMs);
    nothing.hidden = summary !== null || !shown.isLoaded;
    if (cursor.timeMs === null) write(readout, saidOf(summary, lines));
    plot.setAttribute("aria-label", `CPU by core of ${subject}: ${saidOf(summary, lines)}`);
    if (summary) root.dataset.busiest = lines[summary.busiest].label;
  });

  return () => {
    stop();
    sight.disconnect();
    map.destroy();
  };
}

/** @param {number | undefined} percent */
const ofCore = (percent) => formatPercent(within(percent, PERCENT_MAX));

/** @param {ReturnType<typeof gridSummary>} summary @param {PanelProps["lines"]} lines */
const saidOf = (summary, lines) =>
  summary === null
    ? "no samples"
    : `mean ${ofCore(summary.mean)}, most: core ${lines[summary.busiest].label}, up to ${ofCore(summary.max)}`;

/** @param {HTMLElement} element @param {string} text */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
