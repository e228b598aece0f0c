/**
 * What the server works out of a choice, asked for anew with each step: groups, the few
 * with the most, quantiles; and the same at an earlier time.
 */

import { ApiError } from "../api.js";
import { Entry } from "../entry.js";
import { ceilTo, stepsOf } from "../grid.js";
import { isLive } from "../range.js";
import { idOf, seriesKey } from "../series.js";
import { stepParameters } from "./asking.js";
import { nameOfGroup } from "./names.js";

const EVERY_MIN_MS = 2_000;
const EVERY_MAX_MS = 60_000;

/** What was earlier is known: it is asked for ahead, and then seldom. */
const AHEAD_STEPS = 20;

/**
 * @typedef {object} Found one series or group as the server answered it
 * @property {string} key the same for the same series at any time
 * @property {import("../series.js").SeriesId | null} id null: a group
 * @property {string} name of a group; empty of a series
 * @property {string} quantile as in `p95`; empty: the mean
 * @property {Entry} entry at the time it is drawn
 */

/**
 * @typedef {object} FetchMeans how it reaches the world
 * @property {() => import("../range.js").FixedRange} bounds what is shown now
 * @property {() => void} changed
 * @property {(parameters: [string, string][], signal: AbortSignal) => Promise<import("../api.js").Answer>} query
 */

export class Fetched {
  /** @type {Found[]} */
  found = [];

  /** Whether the server answered. */
  isLoaded = false;

  /** Why it did not; empty if it did. */
  problem = "";

  #stopping = new AbortController();

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {[string, string][]} parameters without range and steps
   * @param {import("../range.js").Range} range
   * @param {number} stepMs
   * @param {number} earlierMs how much earlier; 0: what is shown
   * @param {FetchMeans} means
   */
  constructor(parameters, range, stepMs, earlierMs, means) {
    this.parameters = parameters;
    this.range = range;
    this.stepMs = stepMs;
    this.earlierMs = earlierMs;
    this.means = means;
  }

  start() {
    this.#turn();
  }

  stop() {
    this.#stopping.abort();
    clearTimeout(this.#timer);
  }

  async #turn() {
    const [fromMs, toMs, everyMs] = this.#span();
    let isOver = !isLive(this.range);
    try {
      const asked = [...this.parameters, ...stepParameters(fromMs, toMs, this.stepMs)];
      const answer = await this.means.query(asked, this.#stopping.signal);
      this.found = foundIn(answer, this.stepMs, this.earlierMs);
      this.isLoaded = true;
      this.problem = "";
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.problem = error instanceof Error ? error.message : String(error);
      // What was refused would be refused again; a server that is away comes back.
      isOver = error instanceof ApiError && error.status >= 400 && error.status < 500;
    }
    this.means.changed();
    if (!isOver && !this.#stopping.signal.aborted) this.#timer = setTimeout(() => this.#turn(), everyMs);
  }

  /** @returns {[number, number, number]} from, to, and after how long to ask again */
  #span() {
    const { startMs, stopMs } = stepsOf(this.means.bounds(), this.stepMs, NaN);
    const everyMs = Math.min(EVERY_MAX_MS, Math.max(EVERY_MIN_MS, this.stepMs));
    if (this.earlierMs === 0) return [startMs, stopMs, everyMs];
    const aheadMs = isLive(this.range) ? Math.min(AHEAD_STEPS * this.stepMs, this.earlierMs) : 0;
    const toMs = stopMs + ceilTo(aheadMs, this.stepMs) - this.earlierMs;
    return [startMs - this.earlierMs, toMs, Math.max(everyMs, aheadMs / 2)];
  }
}

/**
 * The same series without a value: charts stay where they are until an answer came.
 * @param {Found[]} found
 * @param {number} stepMs
 * @returns {Found[]}
 */
export const emptied = (found, stepMs) =>
  found.map((each) => ({ ...each, entry: entryOf(each.entry.id, [...each.entry.tracks.keys()], stepMs) }));

/**
 * An answer as entries to draw from, moved to the time it is compared with.
 * @param {import("../api.js").Answer} answer
 * @param {number} stepMs
 * @param {number} laterMs
 * @returns {Found[]}
 */
export function foundIn(answer, stepMs, laterMs) {
  const series = answer.series.flatMap((each) => {
    const id = idOf(each);
    return entriesOf(each, stepMs, laterMs).map(([quantile, entry]) => ({
      ...{ key: seriesKey(id), id, name: "", quantile, entry },
    }));
  });
  const groups = (answer.groups ?? []).flatMap((each) =>
    entriesOf(each, stepMs, laterMs).map(([quantile, entry]) => ({
      ...{ key: JSON.stringify(each.labels), id: null, name: nameOfGroup(each.labels), quantile, entry },
    })),
  );
  return [...series, ...groups];
}

/**
 * @param {import("../api.js").SeriesAnswer | import("../api.js").GroupAnswer} answer
 * @param {number} stepMs
 * @param {number} laterMs
 * @returns {[string, Entry][]} of the mean, then of each quantile
 */
function entriesOf(answer, stepMs, laterMs) {
  const metrics = Object.entries(answer.metrics);
  const quantiles = [...new Set(metrics.flatMap(([, { quantiles }]) => Object.keys(quantiles ?? {})))];
  const gaps = "gaps" in answer ? answer.gaps : [];
  return ["", ...quantiles].map((quantile) => {
    const of = metrics.filter(([, { quantiles }]) => quantile === "" || quantiles?.[quantile]);
    const id = "host" in answer ? idOf(answer) : { host: "", process: null, gpu: null };
    const entry = entryOf(id, of.map(([metric]) => metric), stepMs);
    const shown = of.map(([metric, said]) => [
      metric,
      quantile === "" ? said : { unit: said.unit, values: said.quantiles?.[quantile] ?? [] },
    ]);
    entry.set(
      {
        .../** @type {import("../api.js").SeriesAnswer} */ (answer),
        time_ms: answer.time_ms.map((timeMs) => timeMs + laterMs),
        gaps: gaps.map((gap) => ({ ...gap, from_ms: gap.from_ms + laterMs, to_ms: gap.to_ms + laterMs })),
        metrics: Object.fromEntries(shown),
      },
      -Infinity,
      Infinity,
    );
    return [quantile, entry];
  });
}

/** @param {import("../series.js").SeriesId} id @param {string[]} metrics @param {number} stepMs */
const entryOf = (id, metrics, stepMs) => new Entry(id, new Set(metrics), new Set(metrics), stepMs);
