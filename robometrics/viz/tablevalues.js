/** The newest values of a process's row, as numbers to sort by and as text. */

import { untracked } from "@preact/signals";
import { describe } from "./catalogue.js";
import { latestOf } from "./latest.js";
import { processId } from "./series.js";
import { catalogue } from "./state.js";
import { NO_VALUE, unitStyle } from "./units.js";

/**
 * @param {import("./series.js").SeriesId} id
 * @param {import("./proctable.js").Column} column
 * @returns {number | null}
 */
export function cellValue(id, { metrics = [], isEither = false }) {
  const values = metrics.map((metric) => latestOf(id, metric)).filter((value) => value !== null);
  if (values.length === 0) return null;
  return isEither ? values[0] : values.reduce((sum, value) => sum + value);
}

/**
 * @param {import("./series.js").SeriesId} id
 * @param {import("./proctable.js").Column} column
 */
export function cellText(id, column) {
  const [metric = ""] = column.metrics ?? [];
  if (!catalogue.value) return NO_VALUE;
  return unitStyle(describe(catalogue.value, metric).unit).format(cellValue(id, column));
}

/**
 * To sort by: what has ended uses nothing, whatever its last sample said.
 * @param {import("./api.js").Process} process
 * @param {import("./proctable.js").Column} column
 */
export const sortValue = ({ host, process, state }, column) =>
  state === "exited" ? null : untracked(() => cellValue(processId(host, process), column));
