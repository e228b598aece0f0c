/**
 * One chart with its name, its values now or under the cursor, and its legend.
 *
 * What changes with each draw is written to the DOM directly, without rendering.
 */

import { useEffect, useRef } from "preact/hooks";
import { describe, instanceName, splitKey } from "../catalogue.js";
import { Chart } from "../chart.js";
import { html } from "../dom.js";
import { shortNames } from "../labels.js";
import { onDraw } from "../loop.js";
import { toldAt } from "../overlay.js";
import { catalogue, route } from "../state.js";
import { paletteVersion } from "../theme.js";
import { unitStyle } from "../units.js";
import { Legend } from "./legend.js";
import { PanelMenu } from "./panelmenu.js";
import { sessionSource } from "./source.js";

/** So near a mark its text is told, where there is no room to write it. */
const MARK_REACH_PX = 6;

/** A chart this far out of sight is drawn already, for who scrolls on. */
export const AHEAD = "200px";

/** @typedef {import("./source.js").LineSpec} LineSpec */

/**
 * @typedef {object} PanelProps
 * @property {string} name in the address and for tests
 * @property {string} title
 * @property {string} [hint]
 * @property {string} subject what is measured
 * @property {LineSpec[]} lines of one unit
 * @property {import("../overlay.js").Mark[]} [marks]
 * @property {import("./source.js").Source | null} [source] what is drawn; the view's session unless told
 * @property {string} [version] changes with lines that have entries of their own
 * @property {boolean} [isLoaded] of these
 * @property {boolean} [isExplored] whether this is part of an exploration
 */

/**
 * Some metrics of one series in one chart, named by what tells them apart.
 * @param {import("../series.js").SeriesId} id
 * @param {string[]} metrics
 * @param {string} title of a chart of one line
 * @returns {LineSpec[]}
 */
export function linesOf(id, metrics, title) {
  const instances = metrics.map((metric) => splitKey(metric)[1]);
  const labels = metrics.length === 1 ? [title] : shortNames(metrics);
  return metrics.map((metric, i) => ({ id, metric, label: instances[i] ? instanceName(instances[i]) : labels[i] }));
}

/** @param {PanelProps} props */
const sourceOf = ({ source }) => (source === undefined ? sessionSource.value : source);

/** @param {PanelProps} props */
export function Panel(props) {
  const { name, title, hint, lines } = props;
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  const latest = useRef(props);
  latest.current = props;
  const known = catalogue.value;
  const unit = known && lines.length > 0 ? describe(known, lines[0].metric).unit : "";
  useEffect(() => root.current ? mount(root.current, unit, () => latest.current) : undefined, [unit]);
  return html`
    <section class="panel" data-chart=${name} ref=${root}>
      <header>
        <h3 title=${[...new Set(lines.map(({ metric }) => known && describe(known, metric).description))].join("; ")}>
          ${title} ${hint && html`<small>${hint}</small>`}
        </h3>
        <p class="resolution" data-part="resolution"></p>
        <${PanelMenu} title=${title} subject=${props.subject} unit=${unit} lines=${lines} isExplored=${props.isExplored}
          source=${() => sourceOf(latest.current)} />
      </header>
      <div class="plot" role="img" aria-label=${`${title} of ${props.subject}`} data-part="plot"></div>
      <div class="legend" data-part="legend" style=${{ "--lines": lines.length }}></div>
      <p class="nothing" data-part="nothing" hidden>No samples in this time</p>
    </section>
  `;
}

/**
 * @param {HTMLElement} root
 * @param {string} unit
 * @param {() => PanelProps} props
 * @returns {() => void} ends it
 */
function mount(root, unit, props) {
  /** @param {string} name @returns {HTMLElement} */
  const part = (name) => /** @type {HTMLElement} */ (root.querySelector(`[data-part="${name}"]`));
  const [plot, legendRoot, resolution, nothing] = ["plot", "legend", "resolution", "nothing"].map(part);
  const style = unitStyle(unit);
  const legend = new Legend(legendRoot, style);
  const chart = new Chart(plot, style, {
    onZoom: (fromMs, toMs) => sourceOf(props())?.zoom(fromMs, toMs),
    onMove(fromMs, toMs) {
      drawn = ""; // even if that is no other range
      sourceOf(props())?.move(fromMs, toMs);
    },
    onReset: () => sourceOf(props())?.reset(),
    onCursor: (timeMs) => {
      pointedMs = timeMs;
      if (legend.point(timeMs)) requestAnimationFrame(readLegend);
    },
    onNearest: (key) => legend.highlight(key),
  });

  /** @type {number | null} */
  let pointedMs = null;
  // What was never in sight is not even built.
  let isVisible = false;
  const sight = new IntersectionObserver(
    (seen) => (isVisible = seen.at(-1)?.isIntersecting ?? false),
    { rootMargin: AHEAD },
  );
  sight.observe(root);

  /** Numbers follow the cursor at once; lines need not be drawn for it. */
  const readLegend = () => {
    const shown = sourceOf(props());
    if (!shown) return "";
    const { fromMs, toMs } = shown.bounds();
    const { lines, marks = [] } = props();
    const reachMs = (MARK_REACH_PX * (toMs - fromMs)) / Math.max(1, plot.clientWidth);
    const told = pointedMs === null ? "" : toldAt(pointedMs, reachMs, marks, shown.gaps(lines));
    setText(resolution, told || shown.resolution(lines));
    return legend.update(shown.lines(lines), fromMs, toMs, shown.isNow(lines));
  };

  let drawn = "";
  let colors = paletteVersion.value;
  const stop = onDraw(() => {
    const shown = sourceOf(props());
    if (!shown || !isVisible) return;
    if (colors !== paletteVersion.value) {
      colors = paletteVersion.value;
      chart.forgetColors();
      drawn = "";
    }
    const { fromMs, toMs } = shown.bounds();
    const { isUtc } = route.value;
    const marks = props().marks ?? [];
    const keys = props().lines.map(({ metric, run }) => run ?? metric);
    const state = JSON.stringify([fromMs, toMs, shown.version, props().version, legend.version, keys, marks.length, isUtc, plot.clientWidth]);
    if (state === drawn) return;
    drawn = state;
    const lines = legend.shown(shown.lines(props().lines));
    const { stepMs, isElapsed } = shown;
    chart.draw({ fromMs, toMs, stepMs, lines, marks, gaps: shown.gaps(props().lines), isUtc, isElapsed });
    const summary = readLegend();
    nothing.hidden = lines.length === 0 || summary !== "" || !(props().isLoaded ?? shown.isLoaded);
    plot.setAttribute("aria-label", `${props().title} of ${props().subject}: ${summary || "no samples"}`);
    const newestMs = Math.max(...lines.map(({ track }) => track?.last?.timeMs ?? -Infinity));
    if (Number.isFinite(newestMs)) {
      root.dataset.lastTimeMs = String(newestMs);
      root.dataset.lastValue = String(lines[0].track?.last?.value ?? "");
      document.documentElement.dataset.ready = "true";
    }
  });

  return () => {
    stop();
    sight.disconnect();
    chart.destroy();
  };
}

/**
 * Only if it differs, as every write makes the browser lay out again.
 * @param {HTMLElement} element
 * @param {string} text
 */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
