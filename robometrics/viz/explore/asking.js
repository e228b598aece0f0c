/** A choice as parameters of the server: for what it works out, and for files. Pure. */

import { formatSpan, isLive } from "../range.js";

/** @typedef {import("./choice.js").Choice} Choice */
/** @typedef {[string, string][]} Parameters */

/** @param {string} name @param {(string | number)[]} values @returns {Parameters} */
const each = (name, values) => values.map((value) => [name, String(value)]);

/**
 * Which series and metrics, without range and steps.
 * @param {Choice} choice
 * @param {import("../api.js").Gpu[]} gpus those known: the server takes no pattern for them
 * @returns {Parameters}
 */
export function seriesParameters(choice, gpus) {
  // Where no GPU is known, one must be named all the same: else hosts are meant.
  const known = gpus.length > 0 ? [...new Set(gpus.map(({ gpu }) => gpu))].sort((a, b) => a - b) : [0];
  return [
    ...each("metric", choice.metrics),
    ...each("host", choice.hosts.length > 0 ? choice.hosts : ["*"]),
    ...each("process", choice.processes),
    ...each("gpu", choice.gpus.includes("*") ? known : choice.gpus),
    ...each("tag", choice.tags),
  ];
}

/** @param {Choice} choice @returns {Parameters} how the server works on these series */
export function workParameters({ groupBy, aggregate, top, topBy, quantiles }) {
  return [
    ...each("group_by", groupBy),
    ...(groupBy.length > 0 ? each("aggregate", [aggregate]) : []),
    ...(top === null ? [] : [...each("top", [top]), ...each("top_by", [topBy])]),
    // Quantiles are of single series: of a group there are none.
    ...(groupBy.length > 0 ? [] : each("quantile", quantiles)),
  ];
}

/**
 * @param {number} startMs
 * @param {number} stopMs
 * @param {number} stepMs
 * @returns {Parameters}
 */
export const stepParameters = (startMs, stopMs, stepMs) => [
  ["from", new Date(startMs).toISOString()],
  ["to", new Date(stopMs).toISOString()],
  ["max_points", String(Math.round((stopMs - startMs) / stepMs))],
];

/**
 * A range as the server takes it: what is live stays so, whenever it is asked.
 * @param {import("../range.js").Range} range
 * @returns {Parameters}
 */
export function rangeParameters(range) {
  if (isLive(range)) return [["from", `-${formatSpan(range.spanMs)}`], ["to", "now"]];
  return [
    ["from", new Date(range.fromMs).toISOString()],
    ["to", new Date(range.toMs).toISOString()],
  ];
}

/**
 * Address of a file of these series, below the page.
 * @param {Parameters} series
 * @param {import("../range.js").Range} range
 * @param {"csv" | "parquet"} format
 * @param {number} steps as on the chart; 0: every sample as it was taken
 */
export function exportPath(series, range, format, steps) {
  const how = steps > 0 ? [["resolution", "auto"], ["max_points", String(steps)]] : [["resolution", "raw"]];
  return `api/v1/export?${new URLSearchParams([...series, ...rangeParameters(range), ...how, ["format", format]])}`;
}
