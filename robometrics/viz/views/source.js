/** What charts are drawn from: mostly the session of the view, one view of time for all. */

import { computed } from "@preact/signals";
import { describe } from "../catalogue.js";
import { nowMs } from "../clock.js";
import { stretchesOf } from "../gaps.js";
import { formatStep } from "../grid.js";
import { isNow } from "../latest.js";
import { paints } from "../palette.js";
import { DEFAULT_RANGE, between, isLive, movedTo } from "../range.js";
import { route, session, setRange, shownBounds } from "../state.js";

/** A metric read every so often may be this many periods late before its line breaks. */
const GAP_PERIODS = 2.5;
const INTERVAL_USUAL_MS = 1_000;

/**
 * @typedef {object} LineSpec
 * @property {import("../series.js").SeriesId} id
 * @property {string} metric
 * @property {string} label
 * @property {string} [run] only this run
 * @property {string} [key] if several are of one series and metric
 * @property {import("../entry.js").Entry} [entry] where its samples are; else in the session
 * @property {import("../palette.js").Paint} [paint]
 */

/**
 * @typedef {object} Source
 * @property {number} version grows whenever something came
 * @property {number} stepMs
 * @property {boolean} isLoaded
 * @property {boolean} isElapsed x is the time since a beginning, not since the epoch
 * @property {() => import("../range.js").FixedRange} bounds what is shown now
 * @property {(specs: LineSpec[]) => import("./legend.js").NamedLine[]} lines
 * @property {(specs: LineSpec[]) => import("../overlay.js").Stretch[]} gaps
 * @property {(specs: LineSpec[]) => boolean} isNow whether the newest values are the present ones
 * @property {(specs: LineSpec[]) => string} resolution
 * @property {(fromMs: number, toMs: number) => void} zoom
 * @property {(fromMs: number, toMs: number) => void} move
 * @property {() => void} reset
 */

/** @type {import("@preact/signals").ReadonlySignal<Source | null>} */
export const sessionSource = computed(() => session.value && sourceOf(session.value));

/** @param {import("../session.js").Session} shown @returns {Source} */
const sourceOf = (shown) => ({
  get version() {
    return shown.version;
  },
  get isLoaded() {
    return shown.isLoaded;
  },
  stepMs: shown.stepMs,
  isElapsed: false,
  bounds: () => shownBounds(nowMs()),
  lines: (specs) => {
    const painted = paintsOf(specs);
    return specs.map((spec, i) => {
      const entry = spec.entry ?? shown.entry(spec.id);
      const track = entry?.tracks.get(spec.metric);
      const periodMs = 1000 * describe(shown.catalogue, spec.metric).period_seconds;
      const intervalMs = track?.intervalMs || Math.max(entry?.intervalMs || 0, INTERVAL_USUAL_MS);
      const joined = joinedSteps(Math.max(intervalMs, periodMs), shown.stepMs);
      return { ...painted[i], label: spec.label, track, joined };
    });
  },
  gaps: (specs) => {
    // Gaps of several lines would cover each other: those of a chart's one subject are drawn.
    const entries = new Set(specs.map(({ id, entry }) => entry ?? shown.entry(id)));
    if (entries.size !== 1) return [];
    return [...entries].flatMap((entry) => stretchesOf(entry?.gaps ?? []));
  },
  isNow: (specs) => specs.some(({ id, entry, metric }) => isNow((entry ?? shown.entry(id))?.tracks.get(metric), metric)),
  resolution: (specs) => {
    const made = specs.map(({ id, entry }) => (entry ?? shown.entry(id))?.resolution).find(Boolean);
    const distancesMs = specs.map(({ id, entry, metric }) => (entry ?? shown.entry(id))?.tracks.get(metric)?.intervalMs ?? NaN);
    const intervalMs = Math.min(...distancesMs.filter((each) => each > 0));
    if (shown.stepMs > intervalMs || !Number.isFinite(intervalMs)) return resolutionText(shown.stepMs, made);
    return `every sample as taken, ${formatDistance(intervalMs)} apart`;
  },
  zoom: (fromMs, toMs) => setRange(between(fromMs, toMs, nowMs())),
  move: (fromMs, toMs) => setRange(movedTo(fromMs, toMs, nowMs())),
  reset: () => setRange(isLive(route.value.range) ? route.value.range : DEFAULT_RANGE),
});

/**
 * Keys and colours of lines, the same on every page.
 * @param {LineSpec[]} specs
 */
function paintsOf(specs) {
  const keys = specs.map(({ key, id, metric }) => key ?? `${id.host}/${id.process ?? id.gpu ?? ""}/${metric}`);
  const colors = paints(keys);
  return keys.map((key, i) => ({
    key,
    paint: specs[i].paint ?? /** @type {import("../palette.js").Paint} */ (colors.get(key)),
  }));
}

/**
 * @param {number} periodMs
 * @param {number} stepMs
 * @returns {number} steps without a sample that are no gap
 */
export const joinedSteps = (periodMs, stepMs) =>
  Math.max(0, Math.floor((GAP_PERIODS * periodMs) / stepMs) - 1);

/** @param {number} intervalMs */
function formatDistance(intervalMs) {
  const roundMs = Number(intervalMs.toPrecision(2));
  return roundMs < 1000 ? `${roundMs} ms` : `${roundMs / 1000} s`;
}

/** @param {number} stepMs @param {string} [made] what the answer was made of: `raw`, `10s`, … */
export function resolutionText(stepMs, made = "raw") {
  const step = `1 point = ${formatStep(stepMs)}`;
  return `${step}, mean and min–max of ${made === "raw" ? "samples" : `${made} windows`}`;
}
