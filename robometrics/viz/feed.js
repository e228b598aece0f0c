/**
 * The samples of all series the page follows, and what to ask the server for. Pure.
 *
 * The shown series needs the whole window; the others, that only fill the list, need
 * the last moments. What is held already is not asked for again.
 */

import { LiveSeries, WINDOW_MS, seriesKey } from "./series.js";

/** @typedef {import("./series.js").SeriesId} SeriesId */

/** History asked for where only the latest value is shown; also its age limit. */
export const LATEST_MS = 10_000;

/** A connection that lived shorter may have ended inside its backfill. */
const BACKFILL_MS = 10_000;

/** At most one refetch after `gap` or `late` in this time: a slow client got slower. */
export const REFETCH_MS = 5_000;

export class Feed {
  /** @type {Map<string, LiveSeries>} */
  #series = new Map();
  #shownKey = "";
  #subscribedMs = -Infinity;

  /** @param {() => number} nowMs */
  constructor(nowMs) {
    this.nowMs = nowMs;
  }

  /**
   * Follow exactly these; samples of series followed before and after are kept.
   * @param {SeriesId[]} ids
   * @param {SeriesId} shown one of *ids*
   */
  follow(ids, shown) {
    const before = this.#series;
    this.#series = new Map(
      ids.map((id) => [seriesKey(id), before.get(seriesKey(id)) ?? new LiveSeries(id)]),
    );
    this.#shownKey = seriesKey(shown);
  }

  /** Entries of the subscription; asking counts as having asked the server. */
  subscription() {
    const nowMs = this.nowMs();
    this.#subscribedMs = nowMs;
    return [...this.#series.values()].map((series) => {
      const { host, process } = series.id;
      const since_ms = this.#sinceMs(series, nowMs);
      return process === null ? { host, since_ms } : { host, process, since_ms };
    });
  }

  /**
   * @param {LiveSeries} series
   * @param {number} nowMs
   */
  #sinceMs(series, nowMs) {
    const isShown = seriesKey(series.id) === this.#shownKey;
    const windowMs = nowMs - WINDOW_MS;
    if (isShown && !series.isBackfilled) {
      series.isBackfilled = true;
      return windowMs;
    }
    const fromMs = series.isBackfilled ? windowMs : nowMs - LATEST_MS;
    return Math.max(fromMs, Math.floor(series.lastTimeMs) + 1);
  }

  /** The connection ended: what may have been cut short is asked for again. */
  disconnected() {
    if (this.nowMs() - this.#subscribedMs > BACKFILL_MS) return;
    for (const series of this.#series.values()) series.isBackfilled = false;
  }

  /** @param {import("./derive.js").Batch[]} batches */
  accept(batches) {
    const nowMs = this.nowMs();
    for (const batch of batches) {
      if (batch.kind === "gpu") continue;
      this.of({ host: batch.host, process: batch.process ?? null })?.accept(batch, nowMs);
    }
  }

  /**
   * Samples of a series are missing here, or came late there.
   * @param {SeriesId} id
   * @returns {number} ms to wait before asking again; NaN if it need not be asked
   */
  missed(id) {
    const series = this.of(id);
    if (!series) return NaN;
    series.isBackfilled = false;
    if (seriesKey(id) !== this.#shownKey) return NaN;
    return Math.max(0, this.#subscribedMs + REFETCH_MS - this.nowMs());
  }

  /** @param {SeriesId} id */
  of(id) {
    return this.#series.get(seriesKey(id));
  }

  /** Newest values of each followed series, unless they are old. */
  latest() {
    const oldestMs = this.nowMs() - LATEST_MS;
    /** @param {import("./columns.js").Columns} columns */
    const value = ({ last }) => (last && last.timeMs >= oldestMs ? last.value : null);
    return new Map(
      [...this.#series].map(([key, series]) => [
        key,
        { cpuPercent: value(series.cpuPercent), memoryBytes: value(series.memoryBytes) },
      ]),
    );
  }
}
