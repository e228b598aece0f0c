/**
 * One metric: its name, its value now or under the cursor, its chart and its range.
 *
 * What changes with each draw is written to the DOM directly, without rendering.
 */

import { useEffect, useRef } from "preact/hooks";
import { LiveChart } from "../chart.js";
import { nowMs } from "../clock.js";
import { html } from "../dom.js";
import { LATEST_MS } from "../feed.js";
import { onDraw } from "../loop.js";
import { formatClock } from "../units.js";

/**
 * @typedef {object} MetricProps
 * @property {string} subject what is measured
 * @property {import("./styles.js").MetricStyle & import("../chart.js").ChartStyle} style
 * @property {() => import("../columns.js").Columns | undefined} columns
 */

/** @param {MetricProps} props */
export function MetricChart({ subject, style, columns }) {
  const root = useRef(null);
  useEffect(() => mount(root.current, subject, style, columns), []);
  return html`
    <section class="metric" data-chart=${style.metric} ref=${root}>
      <header>
        <h3>${style.title} <small>${style.hint}</small></h3>
        <p class="range" data-part="range"></p>
        <p class="reading"><span class="time" data-part="time"></span><output data-part="value" aria-live="off"></output></p>
      </header>
      <div class="plot" role="img" data-part="plot"></div>
      <p class="nothing" data-part="nothing" hidden>No samples in the last 5 minutes</p>
    </section>
  `;
}

/**
 * @param {HTMLElement} root
 * @param {string} subject
 * @param {MetricProps["style"]} style
 * @param {MetricProps["columns"]} columns
 */
function mount(root, subject, style, columns) {
  /** @param {string} name @returns {HTMLElement} */
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  const [plot, time, value, range, nothing] = ["plot", "time", "value", "range", "nothing"].map(part);

  let hovered = { timeMs: NaN, value: /** @type {number | null} */ (null) };
  const showReading = () => {
    const isHovered = !Number.isNaN(hovered.timeMs);
    const read = isHovered ? hovered : columns()?.last;
    // A value of some time ago must not pass for the present one.
    const isOld = !isHovered && read != null && read.timeMs < nowMs() - LATEST_MS;
    setText(time, read && (isHovered || isOld) ? formatClock(read.timeMs) : "");
    setText(value, style.format(read?.value));
    value.classList.toggle("dim", isOld);
  };

  const chart = new LiveChart(plot, style, (timeMs, value) => {
    hovered = { timeMs, value };
    showReading();
  });

  const stop = onDraw(() => {
    const last = columns()?.last;
    const summary = chart.draw(columns(), nowMs());
    showReading();
    nothing.hidden = summary !== null;
    setText(range, summary ? rangeText(summary, style.format) : "");
    const now = last ? `${style.format(last.value)} at ${formatClock(last.timeMs)}` : "no value";
    const label = `${style.title} of ${subject}, last 5 minutes: ${now}; ${range.textContent}`;
    plot.setAttribute("aria-label", label);
    if (last) {
      root.dataset.lastTimeMs = String(last.timeMs);
      root.dataset.lastValue = String(last.value);
    }
    document.documentElement.dataset.ready = "true";
  });

  return () => {
    stop();
    chart.destroy();
  };
}

/**
 * @param {{min: number, mean: number, max: number}} summary
 * @param {(value: number) => string} format
 */
const rangeText = ({ min, mean, max }, format) =>
  `min ${format(min)} · mean ${format(mean)} · max ${format(max)}`;

/**
 * Only if it differs, as every write makes the browser lay out again.
 * @param {HTMLElement} element
 * @param {string} text
 */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
