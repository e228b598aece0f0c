/** What is held of one series: a track for each metric, each batch once. Pure. */

import { samplesOf } from "./derive.js";
import { Track } from "./track.js";

/** A batch this much older than the newest of its run comes by another way. */
const LATE_SLOTS = 120;

/** Runs whose batches are known by name: of a program that is started over and over, the last. */
const RUNS_MAX = 8;

const MS_PER_SECOND = 1000;

/** @typedef {import("./derive.js").Batch} Batch */

export class Entry {
  /** @type {Map<string, Track>} */
  tracks;

  /** What the server knows to be missing, and why. @type {import("./api.js").Gap[]} */
  gaps = [];

  /** What the history was made of: `raw`, `10s`, …; empty before it came. */
  resolution = "";

  /** Distance of samples as configured; NaN before one came. */
  intervalMs = NaN;

  /** Where live batches take over from what the store answered; NaN: not asked yet. */
  boundaryMs = NaN;

  /** End of the newest second received live. */
  liveToMs = -Infinity;

  /** By run and generation; whose batch came last is last. @type {Map<string, {newest: number, slots: Set<number>}>} */
  #runs = new Map();

  /**
   * @param {import("./series.js").SeriesId} id
   * @param {Set<string>} metrics
   * @param {Set<string>} drawn those of them whose history is asked for
   * @param {number} stepMs
   * @param {Entry} [before] what it holds of the same range is shown until this knows better
   */
  constructor(id, metrics, drawn, stepMs, before) {
    this.id = id;
    this.drawn = drawn;
    this.gaps = before?.gaps ?? [];
    this.resolution = before?.resolution ?? "";
    this.tracks = new Map(
      [...metrics].map((metric) => [metric, before?.tracks.get(metric) ?? new Track(stepMs)]),
    );
  }

  /** @param {{metrics: Set<string>, drawn: Set<string>}} wanted @returns {boolean} whether nothing of it is missing */
  hasAll({ metrics, drawn }) {
    return (
      [...metrics].every((metric) => this.tracks.has(metric)) &&
      [...drawn].every((metric) => this.drawn.has(metric))
    );
  }

  /** Where live batches take over; what was known from there on comes again. @param {number} timeMs */
  startAt(timeMs) {
    this.boundaryMs = timeMs;
    for (const track of this.tracks.values()) track.clear(timeMs, Infinity);
  }

  /**
   * Take in one live batch; one that came before is dropped, as is what lies before the boundary.
   * @param {Batch} batch
   * @param {import("./catalogue.js").Catalogue} catalogue
   * @param {number} keptMs what is older is not shown any more
   * @returns {boolean} whether it was new
   */
  accept(batch, catalogue, keptMs) {
    if (!this.#isNew(batch)) return false;
    this.intervalMs = batch.interval_ns / 1e6;
    this.liveToMs = Math.max(this.liveToMs, (batch.slot + 1) * MS_PER_SECOND);
    const fromMs = Math.max(keptMs, this.boundaryMs);
    for (const [metric, track] of this.tracks) {
      for (const sample of samplesOf(batch, catalogue, metric)) {
        if (sample.timeMs >= fromMs) track.add(sample);
      }
      track.dropBefore(keptMs);
    }
    return true;
  }

  /** @param {Batch} batch */
  #isNew({ run, generation = 0, slot }) {
    const name = `${run}/${generation}`;
    const seen = this.#runs.get(name) ?? { newest: slot, slots: new Set() };
    if (seen.slots.has(slot) || slot < seen.newest - LATE_SLOTS) return false;
    this.#runs.delete(name);
    this.#runs.set(name, seen);
    if (this.#runs.size > RUNS_MAX) this.#runs.delete(this.#runs.keys().next().value ?? name);
    seen.slots.add(slot);
    if (slot > seen.newest) {
      seen.newest = slot;
      for (const each of seen.slots) {
        if (each >= slot - LATE_SLOTS) break;  // a set keeps the order of arrival
        seen.slots.delete(each);
      }
    }
    return true;
  }

  /**
   * Set what the server answered for steps in `[fromMs, toMs)`.
   * @param {import("./api.js").SeriesAnswer} answer
   * @param {number} fromMs
   * @param {number} toMs
   */
  set(answer, fromMs, toMs) {
    this.resolution = answer.resolution;
    const outside = this.gaps.filter(({ from_ms, to_ms }) => to_ms <= fromMs || from_ms >= toMs);
    this.gaps = [...outside, ...answer.gaps];
    for (const [metric, { values, min, max }] of Object.entries(answer.metrics)) {
      const track = this.tracks.get(metric);
      if (!track) continue;
      track.clear(fromMs, toMs);
      for (let i = 0; i < values.length; i += 1) {
        const [timeMs, mean] = [answer.time_ms[i], values[i]];
        if (mean === null || timeMs < fromMs || timeMs >= toMs) continue;
        track.set(timeMs, mean, min?.[i] ?? mean, max?.[i] ?? mean);
      }
    }
  }

  /**
   * Forget what lies in `[fromMs, toMs)`.
   * @param {number} fromMs
   * @param {number} toMs
   */
  clear(fromMs, toMs) {
    this.gaps = this.gaps.filter(({ from_ms, to_ms }) => to_ms <= fromMs || from_ms >= toMs);
    for (const track of this.tracks.values()) track.clear(fromMs, toMs);
  }

  /**
   * Add every sample of one run, as it was taken.
   * @param {import("./api.js").SeriesAnswer} answer
   */
  addExact(answer) {
    this.resolution = answer.resolution;
    this.learn(answer.gaps);
    for (const [metric, { values }] of Object.entries(answer.metrics)) {
      const samples = answer.time_ms
        .map((timeMs, i) => ({ timeMs, value: values[i] ?? NaN }))
        .filter(({ value }) => !Number.isNaN(value));
      const track = this.tracks.get(metric);
      if (!track || samples.length === 0) continue;
      for (const sample of samples) track.add(sample);
      track.intervalMs = usualDistance(samples.map(({ timeMs }) => timeMs));
    }
  }

  /** @param {import("./api.js").Gap[]} gaps @returns {boolean} whether one was not known */
  learn(gaps) {
    const known = new Set(this.gaps.map(gapKey));
    const fresh = gaps.filter((gap) => !known.has(gapKey(gap)));
    this.gaps.push(...fresh);
    return fresh.length > 0;
  }

  /** Newest value known, of any metric. */
  get lastMs() {
    return Math.max(...[...this.tracks.values()].map(({ last }) => last?.timeMs ?? -Infinity));
  }
}

/** @param {import("./api.js").Gap} gap */
const gapKey = ({ from_ms, to_ms, cause, process, run }) =>
  JSON.stringify([from_ms, to_ms, cause, process, run]);

/** @param {number[]} timesMs @returns {number} the median; NaN: there is but one */
function usualDistance(timesMs) {
  const distances = timesMs.slice(1).map((timeMs, i) => timeMs - timesMs[i]).sort((a, b) => a - b);
  return distances[Math.floor(distances.length / 2)] ?? NaN;
}
