/** What happened on a host: marks on its time axis, and a list. Pure. */

import { isBadEnd } from "./endings.js";

/** @typedef {import("./api.js").Happening} Happening */

/** As many as a list and charts of a screen can show. */
export const EVENTS_MAX = 1_000;

/** More marks would hide what they mark. */
const MARKS_MAX = 50;

/** Kinds by the word for them, in the order of the filter. @type {Record<string, string>} */
export const KINDS = {
  registered: "registered",
  exited: "exited",
  unregistered: "unregistered",
  worker_started: "worker started",
  worker_stopped: "worker stopped",
  gap: "gaps",
  clock_stepped: "clock stepped",
};

/** @param {Happening} event whether someone should look at it */
export const isBad = ({ event, exit_code }) =>
  event === "gap" || event === "clock_stepped" || (event === "exited" && isBadEnd(exit_code));

/**
 * What came anew and what was known, each once.
 * @param {Happening[]} known
 * @param {Happening[]} fresh
 * @param {number} fromMs what is older goes
 * @returns {Happening[]} newest first; *known* itself if nothing came or went
 */
export function merged(known, fresh, fromMs) {
  const ids = new Set(known.map(({ id }) => id));
  const added = fresh.filter(({ id }) => !ids.has(id));
  const all = [...added, ...known].filter(({ at_ms }) => at_ms >= fromMs);
  if (added.length === 0 && all.length === known.length) return known;
  return all.toSorted((a, b) => b.at_ms - a.at_ms).slice(0, EVENTS_MAX);
}

/**
 * @param {Happening[]} events
 * @param {string[]} kinds none: all
 * @param {string} text part of what is said of it
 */
export function filtered(events, kinds, text) {
  const wanted = text.toLowerCase();
  return events.filter(
    (each) =>
      (kinds.length === 0 || kinds.includes(each.event)) &&
      `${each.process ?? ""} ${each.text} ${each.pid ?? ""}`.toLowerCase().includes(wanted),
  );
}

/**
 * A gap is drawn where it lies; all else is a mark. Where much happens, what ordinarily
 * happens to single processes is left to the list: its marks would cover the lines.
 * @param {Happening[]} events newest first
 * @returns {import("./overlay.js").Mark[]}
 */
export function marksOf(events) {
  const all = events.filter(({ event }) => event !== "gap");
  const shown = all.length <= MARKS_MAX ? all : all.filter((each) => isBad(each) || each.process === null);
  return shown.slice(0, MARKS_MAX).map((each) => ({
    timeMs: each.at_ms,
    text: [each.process, each.text].filter(Boolean).join(" "),
    isBad: isBad(each),
  }));
}
