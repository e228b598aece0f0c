/** From what a view wants to see to what the server is asked for. Pure. */

import { isOfAll, storedKey } from "./catalogue.js";

/** @typedef {import("./series.js").SeriesId} SeriesId */

/**
 * @typedef {object} Ask
 * @property {SeriesId[]} ids
 * @property {string[]} metrics by name, or `name:instance`
 * @property {boolean} [isLatest] only newest values are shown: while live, no history is needed
 */

/** The server's limit. */
const METRICS_MAX = 32;

/** Longer lists of names would not fit an address: then all are asked for. */
const NAMES_MAX = 40;

/** A name as a pattern that only it matches. @param {string} name */
export const literal = (name) => name.replace(/[*?[]/g, "[$&]");

/**
 * Queries for what is wanted, without range and steps.
 * @param {Ask[]} asks
 * @returns {[string, string][][]} parameters of each query
 */
export function queriesOf(asks) {
  return asks.flatMap(({ ids, metrics: all }) => {
    // Which instances there are is seen live; the store answers for one that is named.
    const metrics = all.filter((metric) => !isOfAll(metric));
    return chunks(metrics, METRICS_MAX).flatMap((some) =>
      namesOf(ids).map((names) => [...names, pair("metric", some.join(","))]),
    );
  });
}

/**
 * Parameters that say which series are meant: hosts together, processes and GPUs by host.
 * @param {SeriesId[]} ids
 * @returns {[string, string][][]} of each query
 */
export const namesOf = (ids) => [
  ...hostQueries(ids.filter(({ process, gpu }) => process === null && gpu === null)),
  ...innerQueries("process", ids.filter(({ process }) => process !== null)),
  ...innerQueries("gpu", ids.filter(({ gpu }) => gpu !== null)),
];

/** @param {string} name @param {string} value @returns {[string, string]} */
const pair = (name, value) => [name, value];

/** @param {SeriesId[]} ids @returns {[string, string][][]} */
function hostQueries(ids) {
  return chunks(ids, NAMES_MAX).map((some) => some.map(({ host }) => pair("host", literal(host))));
}

/**
 * @param {"process" | "gpu"} kind
 * @param {SeriesId[]} ids
 * @returns {[string, string][][]}
 */
function innerQueries(kind, ids) {
  /** @type {Map<string, string[]>} */
  const byHost = new Map();
  for (const id of ids) {
    const name = id.process === null ? String(id.gpu) : literal(id.process);
    byHost.set(id.host, [...(byHost.get(id.host) ?? []), name]);
  }
  return [...byHost].map(([host, names]) => [
    pair("host", literal(host)),
    ...(kind === "process" ? named(kind, names) : names.map((name) => pair(kind, name))),
  ]);
}

/** @param {string} kind @param {string[]} names @returns {[string, string][]} */
const named = (kind, names) =>
  names.length > NAMES_MAX ? [pair(kind, "*")] : names.map((name) => pair(kind, name));

/**
 * @template T
 * @param {T[]} all
 * @param {number} size
 * @returns {T[][]}
 */
const chunks = (all, size) =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));

/**
 * The metrics of each series, asked for in however many places, and which of them are
 * wanted with their history.
 * @param {Ask[]} asks
 * @param {(id: SeriesId) => string} keyOf
 * @returns {Map<string, {id: SeriesId, metrics: Set<string>, drawn: Set<string>}>}
 */
export function wantedOf(asks, keyOf) {
  const wanted = new Map();
  for (const { ids, metrics, isLatest = false } of asks) {
    for (const id of ids) {
      const found = wanted.get(keyOf(id)) ?? { id, metrics: new Set(), drawn: new Set() };
      for (const metric of metrics) {
        found.metrics.add(metric);
        if (!isLatest) found.drawn.add(metric);
      }
      wanted.set(keyOf(id), found);
    }
  }
  return wanted;
}

/**
 * One entry of a subscription.
 * @param {SeriesId} id
 * @param {Iterable<string>} metrics
 * @param {import("./catalogue.js").Catalogue} catalogue
 * @param {number} sinceMs
 */
export function subscriptionOf({ host, process, gpu }, metrics, catalogue, sinceMs) {
  const stored = new Set([...metrics].map((metric) => storedKey(catalogue, metric)));
  return {
    host,
    ...(process === null ? {} : { process }),
    ...(gpu === null ? {} : { gpu }),
    since_ms: Math.max(0, Math.floor(sinceMs)),
    metrics: [...stored],
  };
}

/**
 * @param {number} startMs
 * @param {number} stopMs
 * @param {number} stepMs
 * @param {boolean} isExact every sample as it was taken
 * @returns {[string, string][]}
 */
export const spanParameters = (startMs, stopMs, stepMs, isExact) => [
  ["from", new Date(startMs).toISOString()],
  ["to", new Date(stopMs).toISOString()],
  isExact
    ? ["resolution", "raw"]
    : ["max_points", String(Math.round((stopMs - startMs) / stepMs))],
];

/**
 * Series that want the same metrics are asked for together.
 * @param {import("./entry.js").Entry[]} entries
 * @returns {Ask[]}
 */
export function asksFor(entries) {
  /** @type {Map<string, Ask>} */
  const asks = new Map();
  for (const { id, drawn } of entries) {
    const metrics = [...drawn];
    const ask = asks.get(metrics.join()) ?? { ids: [], metrics };
    ask.ids.push(id);
    asks.set(metrics.join(), ask);
  }
  return [...asks.values()];
}
