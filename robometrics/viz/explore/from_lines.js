/** The choice that shows the lines of a chart. Pure. */

import { literal } from "../asking.js";
import { NOTHING } from "./choice.js";

/**
 * @param {{id: import("../series.js").SeriesId, metric: string}[]} lines
 * @returns {import("./choice.js").Choice}
 */
export function choiceOfLines(lines) {
  /** @template T @param {(T | null)[]} values @returns {T[]} */
  const each = (values) => /** @type {any} */ ([...new Set(values)].filter((value) => value !== null));
  return {
    ...NOTHING,
    metrics: each(lines.map(({ metric }) => metric)),
    hosts: each(lines.map(({ id }) => literal(id.host))),
    processes: each(lines.map(({ id }) => (id.process === null ? null : literal(id.process)))),
    gpus: each(lines.map(({ id }) => (id.gpu === null ? null : String(id.gpu)))),
  };
}
