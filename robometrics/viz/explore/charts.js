/** A choice as charts, one for each unit, and their lines. Pure. */

import { describe } from "../catalogue.js";
import { paints } from "../palette.js";
import { formatSpan } from "../range.js";
import { nameOfSeries, namesOfMetrics, titleOfMetric } from "./names.js";

/** More lines in one chart are not drawn: nobody tells them apart. */
export const LINES_MAX = 100;

/** Index of the dash that says "earlier", where times are compared. */
const EARLIER_DASH = 1;

/** Dashes that say which quantile a line is. */
const QUANTILE_DASHES = [1, 2, 3];

/** @typedef {import("./fetched.js").Found} Found */

/**
 * @typedef {object} ChartLine
 * @property {string} key
 * @property {import("../series.js").SeriesId} id
 * @property {string} metric
 * @property {string} label
 * @property {string} series as said in tables
 * @property {string} statistic `mean`, or a quantile as `p95`
 * @property {string} earlier as `24h earlier`; empty: of the time that is shown
 * @property {import("../entry.js").Entry} entry
 * @property {import("../palette.js").Paint} paint
 */

/**
 * @typedef {object} ExploreChart
 * @property {string} unit
 * @property {string} title
 * @property {string[]} metrics
 * @property {ChartLine[]} lines
 * @property {number} left how many lines there are beyond these
 */

/**
 * @param {import("./choice.js").Choice} choice
 * @param {import("../catalogue.js").Catalogue} catalogue
 * @param {Found[]} now
 * @param {Found[]} earlier
 * @returns {ExploreChart[]} those with lines
 */
export function chartsOf(choice, catalogue, now, earlier) {
  const isOneHost = new Set(now.map(({ id }) => id?.host)).size === 1;
  return unitsOf(choice.metrics, catalogue)
    .map(([unit, metrics]) => {
      const names = namesOfMetrics(metrics);
      const both = [now, earlier].map((some, i) =>
        some.flatMap((found) =>
          metrics
            .filter((metric) => found.entry.tracks.has(metric))
            .map((metric) => bareLine(found, metric, { metricName: names.get(metric) ?? "", isAlone: metrics.length === 1, isOneHost, earlierMs: i === 0 ? null : choice.compareMs })),
        ),
      );
      // What has never had such a metric would be a row of dashes in the legend.
      const full = both.flat().filter(({ entry, metric }) => !entry.tracks.get(metric)?.isEmpty);
      const lines = full.length > 0 ? full : both.flat();
      const shown = lines.slice(0, LINES_MAX);
      const title = metrics.length === 1 ? titleOfMetric(metrics[0]) : unit || "count";
      return { unit, title, metrics, lines: painted(shown, choice.compareMs !== null), left: lines.length - shown.length };
    })
    .filter(({ lines }) => lines.length > 0);
}

/**
 * @param {string[]} metrics
 * @param {import("../catalogue.js").Catalogue} catalogue
 * @returns {[string, string[]][]} units in the order chosen, each with its metrics
 */
export function unitsOf(metrics, catalogue) {
  /** @type {Map<string, string[]>} */
  const found = new Map();
  for (const metric of metrics) {
    const { unit } = describe(catalogue, metric);
    found.set(unit, [...(found.get(unit) ?? []), metric]);
  }
  return [...found];
}

/**
 * @param {Found} found
 * @param {string} metric
 * @param {{metricName: string, isAlone: boolean, isOneHost: boolean, earlierMs: number | null}} among
 */
function bareLine({ key, id, name, quantile, entry }, metric, { metricName, isAlone, isOneHost, earlierMs }) {
  const series = id === null ? name : nameOfSeries(id, isOneHost);
  const earlier = earlierMs === null ? "" : `${formatSpan(earlierMs)} earlier`;
  return {
    key: JSON.stringify([key, metric, quantile, earlier]),
    quantile,
    // Where each chart has one metric, a series has the same colour in all of them.
    same: isAlone ? key : JSON.stringify([key, metric]),
    id: id ?? entry.id,
    ...{ metric, series, earlier, entry },
    statistic: quantile || "mean",
    label: [series, metricName, quantile, earlier].filter(Boolean).join(" · "),
  };
}

/**
 * What is of one series has one colour; dashes say which time or quantile it is.
 * @param {(ReturnType<typeof bareLine>)[]} lines
 * @param {boolean} isCompared
 * @returns {ChartLine[]}
 */
function painted(lines, isCompared) {
  const quantiles = [...new Set(lines.map(({ quantile }) => quantile).filter(Boolean))];
  const nameOf = (/** @type {(typeof lines)[0]} */ line) =>
    isCompared ? JSON.stringify([line.same, line.quantile]) : line.same;
  const found = paints([...new Set(lines.map(nameOf))]);
  return lines.map((line) => {
    const { same: _same, quantile, ...rest } = line;
    const paint = found.get(nameOf(line)) ?? { color: 0, dash: 0 };
    if (isCompared) return { ...rest, paint: { ...paint, dash: rest.earlier ? EARLIER_DASH : 0 } };
    if (quantiles.length === 0) return { ...rest, paint };
    const at = quantiles.indexOf(quantile);
    return { ...rest, paint: { ...paint, dash: at < 0 ? 0 : QUANTILE_DASHES[at % QUANTILE_DASHES.length] } };
  });
}
