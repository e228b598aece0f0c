/** Charts of runs laid over each other: x is the time since the start of each. */

import { useEffect, useState } from "preact/hooks";
import { query } from "../api.js";
import { splitKey } from "../catalogue.js";
import { nowMs } from "../clock.js";
import { Comparison, periodOf } from "../comparison.js";
import { html } from "../dom.js";
import { shortNames } from "../labels.js";
import { COLORS } from "../palette.js";
import { metricsOfSections, sectionsOf } from "../processpanels.js";
import { ownOf, withOwn } from "../route.js";
import { lastedMs, runLabel } from "../runs.js";
import { processId } from "../series.js";
import { catalogue, go, route } from "../state.js";
import { subject } from "../subject.js";
import { formatDuration } from "../units.js";
import { Panel } from "./panel.js";
import { joinedSteps, resolutionText } from "./source.js";

/** @typedef {import("../api.js").Run} Run */

/** The server's limit. */
const METRICS_MAX = 32;

/** A run that goes on is asked for again. */
const REFRESH_MS = 5_000;
const INTERVAL_USUAL_MS = 1_000;

/** Shown before it is known what there is. */
const FIRST = new Set(["cpu_percent", "memory_rss_bytes"]);

/** @param {{runs: Run[]}} props */
export function Compared({ runs }) {
  const [shown, setShown] = useState(/** @type {Comparison | null} */ (null));
  const [problem, setProblem] = useState("");
  const known = subject.value;
  const sections = known && catalogue.value ? sectionsOf(known.contents, catalogue.value) : [];
  // Names of threads and engines differ from run to run.
  const metrics = metricsOfSections(sections).filter((key) => !splitKey(key)[1]).slice(0, METRICS_MAX);
  const stretch = stretchFrom(ownOf(route.value, "stretch")[0] ?? "");
  const wanted = JSON.stringify([runs.map(({ run, end }) => [run, end]), metrics, stretch]);
  useEffect(() => {
    if (metrics.length === 0 || !catalogue.value) return undefined;
    return follow(runs, metrics, stretch, catalogue.value, setShown, setProblem);
  }, [wanted]);
  const panels = sections.flatMap((section) => section.panels.flatMap((spec) => alone(section.title, spec)));
  const source = shown && sourceOf(shown);
  return html`
    <div class="compared" aria-label="Runs laid over each other" role="group">
      <p class="stretches" role="group" aria-label="How much of them">
        <button type="button" aria-pressed=${String(stretch === null)} onClick=${() => setStretch([])}>All</button>
        <button type="button" onClick=${() => setStretch([`0-${Math.ceil(shortestMs(runs) / 1000)}`])}>As long as the shortest</button>
        ${stretch && html`<span>from ${formatDuration(stretch.fromMs)} to ${formatDuration(stretch.toMs)} after the start</span>`}
      </p>
      ${problem && html`<p role="alert" class="problem">${problem}</p>`}
      <div class="panels">
        ${panels
          .filter(({ metric }) => FIRST.has(metric) || shown?.has(metric))
          .map(
            ({ metric, title, hint }) => html`
              <${Panel} key=${metric} name=${`runs-${metric}`} title=${title} hint=${hint} subject="runs" source=${source}
                lines=${runs.map((run) => lineOf(run, metric))} />
            `,
          )}
      </div>
    </div>
  `;
}

/**
 * Load it, and again while a run goes on; the old one is shown until the new one is there.
 * @param {Run[]} runs
 * @param {string[]} metrics
 * @param {import("../range.js").FixedRange | null} stretch
 * @param {import("../catalogue.js").Catalogue} known
 * @param {(loaded: Comparison) => void} onLoaded
 * @param {(problem: string) => void} onProblem
 * @returns {() => void} ends it
 */
function follow(runs, metrics, stretch, known, onLoaded, onProblem) {
  /** @type {Comparison | null} */
  let loading = null;
  let timer = 0;
  let isOver = false;
  const load = async () => {
    const next = new Comparison(runs, metrics, stretch, known, { nowMs, query });
    loading = next;
    try {
      if (!document.hidden) await next.load();
      if (isOver) return;
      if (next.isLoaded) onLoaded(next);
      onProblem("");
    } catch (error) {
      if (isOver) return;
      onProblem(error instanceof Error ? error.message : String(error));
    }
    const isGoingOn = runs.some(({ end }) => end === null);
    if (isGoingOn || !next.isLoaded) timer = setTimeout(load, REFRESH_MS);
  };
  load();
  return () => {
    isOver = true;
    loading?.stop();
    clearTimeout(timer);
  };
}

/** @param {Comparison} shown @returns {import("./source.js").Source} */
const sourceOf = (shown) => ({
  version: shown.version,
  stepMs: shown.stepMs,
  isLoaded: shown.isLoaded,
  isElapsed: true,
  bounds: () => shown.stretch,
  lines: (specs) =>
    specs.map(({ run = "", metric, label }, i) => ({
      key: run,
      // By place, as neighbours differ most; the same in every chart.
      paint: { color: i % COLORS, dash: 0 },
      label,
      track: shown.track(run, metric),
      joined: joinedSteps(Math.max(periodOf(shown, metric), INTERVAL_USUAL_MS), shown.stepMs),
    })),
  gaps: () => [],
  isNow: () => false,
  resolution: () => resolutionText(shown.stepMs, shown.resolution),
  zoom: stretchTo,
  move: stretchTo,
  reset: () => setStretch([]),
});

/** @param {Run[]} runs */
const shortestMs = (runs) => Math.max(1000, Math.min(...runs.map((run) => lastedMs(run, nowMs()))));

/** @param {string[]} stretch */
const setStretch = (stretch) => go(withOwn(route.value, "stretch", stretch));

/** Nothing is before the start. @param {number} fromMs @param {number} toMs */
function stretchTo(fromMs, toMs) {
  const lateMs = Math.max(0, -fromMs);
  setStretch([`${Math.floor((fromMs + lateMs) / 1000)}-${Math.ceil((toMs + lateMs) / 1000)}`]);
}

/** @param {string} text seconds since the start, as in `10-60` */
function stretchFrom(text) {
  const found = /^(\d{1,9})-(\d{1,9})$/.exec(text);
  const [fromMs, toMs] = found ? [1000 * Number(found[1]), 1000 * Number(found[2])] : [0, 0];
  return fromMs < toMs ? { fromMs, toMs } : null;
}

/**
 * A chart for each metric: lines are runs here.
 * @param {string} section
 * @param {import("../panels.js").PanelSpec} spec
 */
function alone(section, { title, hint, metrics }) {
  const words = metrics.length > 1 ? shortNames(metrics) : [""];
  return metrics.map((metric, i) => ({ metric, hint: words[i] || hint, title: section === "" ? title : `${section}: ${title}` }));
}

/** @param {Run} run @param {string} metric */
const lineOf = (run, metric) => ({
  id: processId(run.host, run.process),
  metric,
  run: run.run,
  label: runLabel(run, nowMs(), route.value.isUtc),
});
