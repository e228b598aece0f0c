/**
 * What one view shows of one range: history from the server's store, spliced with its
 * live feed at a step's beginning. No hole, no repeat, nothing decoded twice.
 *
 * Before the boundary steps are as the store answers, after it they are made of live
 * batches. The boundary lies some seconds back, as the store is a moment behind.
 */

import { asksFor, queriesOf, spanParameters, subscriptionOf, wantedOf } from "./asking.js";
import { Entry } from "./entry.js";
import { ceilTo, floorTo, isExact, stepOf } from "./grid.js";
import { boundsOf, isLive } from "./range.js";
import { idOf, seriesKey } from "./series.js";

/** @typedef {import("./asking.js").Ask} Ask */

/** How far back the boundary lies at least. */
export const HEAD_MS = 20_000;

/** Away for longer than this, what was missed comes from the store. */
const AWAY_MAX_MS = 120_000;

const REFUSED = 400;
const RETRY_MS = [1_000, 2_000, 5_000, 10_000];

/** What ended a moment ago is not whole in the store yet: it is asked for again. */
const SETTLE_MS = 2_000;

/** A hole at the boundary closes when the store has caught up. */
const HOLE_RETRIES_MS = [5_000, 10_000, 20_000, 40_000, 60_000];

/** Intervals without a sample that are a hole, not a late tick. */
const HOLE_INTERVALS = 3;

/**
 * @typedef {object} Means how a session reaches the world
 * @property {() => number} nowMs
 * @property {(parameters: [string, string][], signal: AbortSignal) => Promise<import("./api.js").Answer>} query
 * @property {() => void} resubscribe
 * @property {(problem: string) => void} onProblem empty: there is none any more
 */

export class Session {
  /** @type {Map<string, Entry>} */
  #entries;
  #stopping = new AbortController();
  #lostMs = NaN;

  /** Whether samples are asked for as they were taken; not if there are too many of them. */
  #isExact;

  /** @type {Set<ReturnType<typeof setTimeout>>} */
  #timers = new Set();

  /** @type {import("./range.js").Range} */
  range;

  /** Grows whenever something came: a chart of a fixed range need not draw otherwise. */
  version = 0;

  /** Whether the history is there. */
  isLoaded = false;

  /**
   * @param {Ask[]} asks
   * @param {import("./range.js").Range} range
   * @param {import("./catalogue.js").Catalogue} catalogue
   * @param {Means} means
   * @param {Session | null} [before] what it holds of the same range is taken over
   */
  constructor(asks, range, catalogue, means, before = null) {
    this.range = range;
    this.catalogue = catalogue;
    this.means = means;
    const wanted = wantedOf(asks, seriesKey);
    this.stepMs = stepOf(range, wanted.size);
    this.#isExact = isExact(this.stepMs);
    const isTaken = before && isSame(before.range, range) && before.stepMs === this.stepMs;
    const known = isTaken ? before : null;
    this.isLoaded = known?.isLoaded ?? false;
    this.#entries = new Map(
      [...wanted].map(([key, { id, ...asked }]) => {
        const held = known?.entry(id);
        const drawn = isLive(range) ? asked.drawn : asked.metrics;
        if (held?.hasAll({ ...asked, drawn })) return [key, held];
        return [key, new Entry(id, asked.metrics, drawn, this.stepMs, held)];
      }),
    );
  }

  /** Ask for what is not there yet, and what happens from now on. */
  start() {
    const { fromMs, toMs } = boundsOf(this.range, this.means.nowMs());
    const boundaryMs = isLive(this.range) ? this.#headMs() : toMs;
    const fresh = this.entries.filter((entry) => Number.isNaN(entry.boundaryMs));
    for (const entry of fresh) entry.startAt(boundaryMs);
    this.#splice(fresh, fromMs, boundaryMs);
    if (!isLive(this.range)) this.#settle(fresh, Math.max(fromMs, this.#headMs()), toMs);
  }

  stop() {
    this.#stopping.abort();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** @param {import("./series.js").SeriesId} id */
  entry(id) {
    return this.#entries.get(seriesKey(id));
  }

  /** @param {import("./series.js").SeriesId} id @param {string} metric */
  track(id, metric) {
    return this.entry(id)?.tracks.get(metric);
  }

  get entries() {
    return [...this.#entries.values()];
  }

  /** Time of the newest value; -Infinity: there is none. */
  get lastMs() {
    return Math.max(-Infinity, ...this.entries.map(({ lastMs }) => lastMs));
  }

  /** What to watch: each series from where it is known. */
  subscription() {
    if (!isLive(this.range)) return [];
    return this.entries.map((entry) =>
      subscriptionOf(
        entry.id,
        entry.tracks.keys(),
        this.catalogue,
        Math.max(entry.boundaryMs, entry.liveToMs),
      ),
    );
  }

  /** @param {import("./derive.js").Batch[]} batches */
  accept(batches) {
    if (!isLive(this.range)) return;
    const { fromMs } = boundsOf(this.range, this.means.nowMs());
    const keptMs = floorTo(fromMs, this.stepMs) - this.stepMs;
    for (const batch of batches) {
      if (this.entry(idOf(batch))?.accept(batch, this.catalogue, keptMs)) this.version += 1;
    }
  }

  /** The connection ended. */
  lost() {
    if (Number.isNaN(this.#lostMs)) this.#lostMs = this.means.nowMs();
  }

  /** It is there again, and what this session wants is subscribed to. */
  found() {
    const awayMs = this.means.nowMs() - this.#lostMs;
    this.#lostMs = NaN;
    if (isLive(this.range) && awayMs > AWAY_MAX_MS) {
      this.#splice(this.entries, this.lastMs, this.#headMs());
    }
  }

  /**
   * Samples of a series are missing here, or came late there: ask the store for these
   * steps, once they are over for it.
   * @param {import("./series.js").SeriesId} id
   * @param {number} fromMs
   * @param {number} toMs
   */
  missed(id, fromMs, toMs) {
    const entry = this.entry(id);
    if (!entry) return;
    const stopMs = floorTo(toMs, this.stepMs) + this.stepMs;
    const waitMs = Math.max(0, stopMs + HEAD_MS - this.means.nowMs());
    this.#later(waitMs, () => this.#load([entry], fromMs, stopMs));
  }

  /**
   * What the server told of a series by another way than an answer.
   * @param {import("./series.js").SeriesId} id
   * @param {import("./api.js").Gap[]} gaps
   */
  learn(id, gaps) {
    if (this.entry(id)?.learn(gaps)) this.version += 1;
  }

  #headMs() {
    return floorTo(this.means.nowMs() - HEAD_MS, this.stepMs);
  }

  /**
   * Move the boundary of *entries*; what lies before it comes from the store.
   * @param {Entry[]} entries
   * @param {number} fromMs
   * @param {number} boundaryMs
   */
  #splice(entries, fromMs, boundaryMs) {
    const startMs = Math.max(fromMs, boundsOf(this.range, this.means.nowMs()).fromMs);
    for (const entry of entries) entry.boundaryMs = boundaryMs;
    this.#load(entries, startMs, boundaryMs);
    if (!isLive(this.range)) return;
    this.#closeHole(entries, boundaryMs, 0);
    this.means.resubscribe();
  }

  /**
   * @param {Entry[]} entries
   * @param {number} fromMs
   * @param {number} toMs
   * @param {number} [tries]
   */
  async #load(entries, fromMs, toMs, tries = 0) {
    const [startMs, stopMs] = [floorTo(fromMs, this.stepMs), ceilTo(toMs, this.stepMs)];
    if (entries.length === 0 || stopMs <= startMs) return;
    try {
      const span = spanParameters(startMs, stopMs, this.stepMs, this.#isExact);
      const stale = this.#isExact ? [...entries] : [];
      const take = (/** @type {import("./api.js").Answer} */ { series }) => {
        for (const entry of stale.splice(0)) entry.clear(startMs, stopMs);
        for (const each of series) {
          if (this.#isExact) this.entry(idOf(each))?.addExact(each);
          else this.entry(idOf(each))?.set(each, startMs, stopMs);
        }
        this.version += 1;
      };
      // What comes first is drawn first.
      const asked = queriesOf(asksFor(entries)).map((names) => this.means.query([...names, ...span], this.#stopping.signal));
      await Promise.all(asked.map((answer) => answer.then(take)));
      this.isLoaded = true;
      this.version += 1;
      this.means.onProblem("");
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      if (this.#isExact && error instanceof Error && "status" in error && error.status === REFUSED) {
        this.#isExact = false;
        await this.#load(entries, fromMs, toMs);
        return;
      }
      this.means.onProblem(error instanceof Error ? error.message : String(error));
      const waitMs = RETRY_MS[Math.min(tries, RETRY_MS.length - 1)];
      this.#later(waitMs, () => this.#load(entries, fromMs, toMs, tries + 1));
    }
  }

  /** @param {Entry[]} entries @param {number} fromMs @param {number} toMs */
  #settle(entries, fromMs, toMs) {
    const settledMs = toMs + HEAD_MS - this.means.nowMs();
    if (settledMs <= 0 || settledMs > HEAD_MS + SETTLE_MS) return;
    this.#later(SETTLE_MS, async () => {
      await this.#load(entries, fromMs, toMs);
      this.#settle(entries, fromMs, toMs);
    });
  }

  /**
   * A store that is behind answers less than there is: ask again where what is live is
   * ahead of it.
   * @param {Entry[]} entries
   * @param {number} boundaryMs
   * @param {number} tries
   */
  #closeHole(entries, boundaryMs, tries) {
    if (tries >= HOLE_RETRIES_MS.length) return;
    this.#later(HOLE_RETRIES_MS[tries], async () => {
      const holed = entries.filter((entry) => this.#holeFrom(entry, boundaryMs) < boundaryMs);
      if (holed.length === 0) return;
      const fromMs = Math.min(...holed.map((entry) => this.#holeFrom(entry, boundaryMs)));
      await this.#load(holed, fromMs, boundaryMs);
      this.#closeHole(holed, boundaryMs, tries + 1);
    });
  }

  /**
   * @param {Entry} entry
   * @param {number} boundaryMs
   * @returns {number} where a hole before its boundary begins; Infinity: there is none
   */
  #holeFrom(entry, boundaryMs) {
    if (entry.boundaryMs !== boundaryMs || entry.liveToMs < boundaryMs) return Infinity;
    const { fromMs } = boundsOf(this.range, this.means.nowMs());
    const ends = [...entry.tracks.values()].map((track) => track.lastBefore(boundaryMs));
    const holeMs = Math.max(fromMs, ...ends);
    const shortMs = Math.max(HOLE_INTERVALS * entry.intervalMs, 2 * this.stepMs);
    return holeMs < boundaryMs - shortMs ? holeMs : Infinity;
  }

  /** @param {number} waitMs @param {() => unknown} act */
  #later(waitMs, act) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, waitMs);
    this.#timers.add(timer);
  }
}

/** @param {import("./range.js").Range} one @param {import("./range.js").Range} other */
const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);
