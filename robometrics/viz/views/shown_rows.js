/** What the charts of an exploration show now, as rows: for files and pictures. */

import { nowMs } from "../clock.js";
import { rowsOf } from "../explore/rows.js";
import { shownBounds, shownStepMs } from "../state.js";
import { sessionSource } from "./source.js";

/** @param {import("../explore/charts.js").ExploreChart[]} charts */
export function shownRows(charts) {
  const { fromMs, toMs } = shownBounds(nowMs());
  const rows = rowsOf(charts, fromMs, toMs, shownStepMs(), (line) => sessionSource.value?.lines([line])[0].joined ?? 0);
  return { fromMs, toMs, rows };
}
