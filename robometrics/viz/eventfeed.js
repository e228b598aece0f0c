/** The events of the shown host or process in the shown range, asked for again every few seconds. */

import { signal } from "@preact/signals";
import { fetchEvents } from "./api.js";
import { nowMs } from "./clock.js";
import { EVENTS_MAX, merged } from "./events.js";
import { boundsOf, isLive } from "./range.js";

const INTERVAL_MS = 3_000;

/** What is told late lies at most so far back; a reload finds what came later still. */
const OVERLAP_MS = 120_000;

/** Newest first. @type {import("@preact/signals").Signal<import("./api.js").Happening[]>} */
export const events = signal([]);

/** Whether there are older ones in the range than are shown. */
export const hasMore = signal(false);

/** Why there are none; empty if the server answered. */
export const eventsProblem = signal("");

/**
 * @param {string} host
 * @param {import("./range.js").Range} range
 * @param {string | null} [process] only what is about it, or about the whole host
 * @returns {() => void} ends it
 */
export function watchEvents(host, range, process = null) {
  const stopping = new AbortController();
  let timer = 0;
  let knownToMs = -Infinity;
  events.value = [];
  hasMore.value = false;

  async function ask() {
    const { fromMs, toMs } = boundsOf(range, nowMs());
    const sinceMs = Math.max(fromMs, knownToMs - OVERLAP_MS);
    try {
      const answer = document.hidden ? null : await fetchEvents(host, process, sinceMs, toMs, EVENTS_MAX, stopping.signal);
      if (answer) {
        events.value = merged(events.value, answer.events, fromMs);
        hasMore.value ||= answer.more;
        eventsProblem.value = "";
        knownToMs = toMs;
      }
    } catch (error) {
      if (stopping.signal.aborted) return;
      eventsProblem.value = error instanceof Error ? error.message : String(error);
    }
    if (isLive(range) || eventsProblem.value) timer = setTimeout(ask, INTERVAL_MS);
  }

  ask();
  return () => {
    stopping.abort();
    clearTimeout(timer);
  };
}
