/** What is known of one process or host in the window: its samples, each once. Pure. */

import { Columns } from "./columns.js";
import { cpuPercent, gauge, stepMaxMs } from "./derive.js";

/** How much history is shown. */
export const WINDOW_MS = 300_000;

/** Kept beyond the window, so that lines run on to its left edge. */
const MARGIN_MS = 10_000;

/** @typedef {{host: string, process: string | null}} SeriesId null: the host itself */

/** @param {SeriesId} id */
export const seriesKey = (id) => JSON.stringify([id.host, id.process]);

/**
 * Name of the memory metric: of a process what is resident, of a host what is used.
 * @param {SeriesId} id
 */
export const memoryMetric = (id) =>
  id.process === null ? "memory_used_bytes" : "memory_rss_bytes";

export class LiveSeries {
  cpuPercent = new Columns();
  memoryBytes = new Columns();

  /** Time of the newest sample received. */
  lastTimeMs = -Infinity;

  /** Whether the whole window was asked for, and nothing reported missing since. */
  isBackfilled = false;

  /** Slots received of each run and generation. @type {Map<string, {segment: number, slots: Set<number>}>} */
  #runs = new Map();
  #segmentNext = 0;

  /** @param {SeriesId} id */
  constructor(id) {
    this.id = id;
  }

  /**
   * Take in one batch; one that came before, or is too old, is dropped.
   * @param {import("./derive.js").Batch} batch
   * @param {number} nowMs
   */
  accept(batch, nowMs) {
    const oldestMs = nowMs - WINDOW_MS - MARGIN_MS;
    const run = this.#runOf(batch);
    if (run.slots.has(batch.slot) || batch.slot * 1000 < oldestMs) return;
    run.slots.add(batch.slot);

    const memoryKey = memoryMetric(this.id);
    insert(this.cpuPercent, cpuPercent(batch), run.segment, stepMaxMs(batch, "cpu_time_ns"));
    insert(this.memoryBytes, gauge(batch, memoryKey), run.segment, stepMaxMs(batch, memoryKey));
    const newestMs = batch.slot * 1000 + batch.offset_ns[batch.offset_ns.length - 1] / 1e6;
    this.lastTimeMs = Math.max(this.lastTimeMs, newestMs);
    this.#forgetBefore(oldestMs);
  }

  /** @param {import("./derive.js").Batch} batch */
  #runOf(batch) {
    const name = `${batch.run}/${batch.generation ?? 0}`;
    let run = this.#runs.get(name);
    if (!run) {
      run = { segment: this.#segmentNext++, slots: new Set() };
      this.#runs.set(name, run);
    }
    return run;
  }

  /** @param {number} oldestMs */
  #forgetBefore(oldestMs) {
    this.cpuPercent.dropBefore(oldestMs);
    this.memoryBytes.dropBefore(oldestMs);
    for (const [name, run] of this.#runs) {
      for (const slot of run.slots) if (slot * 1000 < oldestMs) run.slots.delete(slot);
      if (run.slots.size === 0) this.#runs.delete(name);
    }
  }
}

/**
 * @param {Columns} columns
 * @param {import("./derive.js").Sample[]} samples
 * @param {number} segment
 * @param {number} stepMs
 */
function insert(columns, samples, segment, stepMs) {
  for (const { timeMs, value } of samples) columns.insert(timeMs, value, segment, stepMs);
}
