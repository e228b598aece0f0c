/** Runs laid over each other: each is fetched for itself, and counts from its own start. */

import { literal } from "./asking.js";
import { describe } from "./catalogue.js";
import { ceilTo, floorTo, stepOf } from "./grid.js";
import { beginMs, endMs, lastedMs, measuredFromMs } from "./runs.js";
import { Track } from "./track.js";

/** @typedef {import("./api.js").Run} Run */

const SPAN_MIN_MS = 1_000;

/** Two runs in one range are told apart by the server. */
const BY_RUN = /** @type {[string, string]} */ (["group_by", "run"]);

export class Comparison {
  /** By run, then metric. @type {Map<string, Map<string, Track>>} */
  #tracks = new Map();
  #stopping = new AbortController();

  /** Grows whenever something came. */
  version = 0;

  /** Whether all runs are there. */
  isLoaded = false;

  /** What the answers were made of. */
  resolution = "raw";

  /**
   * @param {Run[]} runs of one process
   * @param {string[]} metrics at most 32
   * @param {import("./range.js").FixedRange | null} stretch since the start; null: as long as the longest
   * @param {import("./catalogue.js").Catalogue} catalogue
   * @param {Pick<import("./session.js").Means, "nowMs" | "query">} means
   */
  constructor(runs, metrics, stretch, catalogue, means) {
    this.runs = runs;
    this.metrics = metrics;
    this.catalogue = catalogue;
    this.means = means;
    const longestMs = Math.max(SPAN_MIN_MS, ...runs.map((run) => lastedMs(run, means.nowMs())));
    this.stretch = stretch ?? { fromMs: 0, toMs: longestMs };
    // Steps of a second or more: what is fast is looked at in a chart of its own.
    this.stepMs = Math.max(SPAN_MIN_MS, stepOf(this.stretch, Infinity));
  }

  /** @param {string} run @param {string} metric */
  track(run, metric) {
    return this.#tracks.get(run)?.get(metric);
  }

  /** Whether any run has it. @param {string} metric */
  has(metric) {
    return this.runs.some(({ run }) => this.track(run, metric));
  }

  /** Ask for all runs. */
  async load() {
    await Promise.all(this.runs.map((run) => this.#load(run)));
    this.isLoaded = true;
    this.version += 1;
  }

  stop() {
    this.#stopping.abort();
  }

  /** @param {Run} run */
  async #load(run) {
    const span = spanOf(run, this.stretch, this.stepMs, this.means.nowMs());
    if (!span) return;
    const { groups = [] } = await this.means.query(
      [
        ["host", literal(run.host)],
        ["process", literal(run.process)],
        ["metric", this.metrics.join(",")],
        ["from", new Date(span.fromMs).toISOString()],
        ["to", new Date(span.toMs).toISOString()],
        ["max_points", String(Math.round((span.toMs - span.fromMs) / this.stepMs))],
        BY_RUN,
      ],
      this.#stopping.signal,
    );
    const mine = groups.find(({ labels }) => labels.run === run.run);
    if (!mine) return;
    this.resolution = mine.resolution;
    this.#tracks.set(run.run, tracksOf(mine, beginMs(run), this.stepMs));
    this.version += 1;
  }
}

/**
 * What to ask for: whole steps of the clock, as the server cuts them.
 * @param {Run} run
 * @param {import("./range.js").FixedRange} stretch since its start
 * @param {number} stepMs
 * @param {number} nowMs
 * @returns {import("./range.js").FixedRange | null} null: it has nothing there
 */
export function spanOf(run, stretch, stepMs, nowMs) {
  const fromMs = Math.max(measuredFromMs(run), beginMs(run) + stretch.fromMs);
  const toMs = Math.min(endMs(run, nowMs), beginMs(run) + stretch.toMs);
  if (!(fromMs < toMs)) return null;
  return { fromMs: floorTo(fromMs, stepMs), toMs: ceilTo(toMs, stepMs) };
}

/**
 * @param {import("./api.js").GroupAnswer} answer
 * @param {number} startMs what is time zero
 * @param {number} stepMs
 * @returns {Map<string, Track>} of metrics that have a value
 */
export function tracksOf({ metrics, time_ms }, startMs, stepMs) {
  /** @type {Map<string, Track>} */
  const tracks = new Map();
  for (const [metric, { values, min, max }] of Object.entries(metrics)) {
    const track = new Track(stepMs);
    values.forEach((mean, i) => {
      // Its first step may begin before the run does.
      const sinceMs = Math.max(0, time_ms[i] - startMs);
      if (mean !== null) track.set(sinceMs, mean, min?.[i] ?? mean, max?.[i] ?? mean);
    });
    if (!track.isEmpty) tracks.set(metric, track);
  }
  return tracks;
}

/** How often a metric is read, in ms; 0: with every sample. @param {Comparison} comparison @param {string} metric */
export const periodOf = ({ catalogue }, metric) => 1000 * describe(catalogue, metric).period_seconds;
