/** Names of what is drawn together: what tells the lines apart, and no more. Pure. */

import { instanceName, splitKey } from "../catalogue.js";
import { shortNames } from "../labels.js";
import { seriesName } from "../series.js";

/** @param {import("../series.js").SeriesId} id @param {boolean} isOneHost */
export function nameOfSeries(id, isOneHost) {
  if (id.process === null && id.gpu === null) return id.host;
  return isOneHost ? seriesName(id) : `${id.host} / ${seriesName(id)}`;
}

/** @param {Record<string, string>} labels of a group */
export function nameOfGroup(labels) {
  const values = Object.entries(labels).map(([label, value]) => {
    if (label.startsWith("tag:")) return `${label.slice(4)}=${value || "none"}`;
    if (label === "gpu" && value !== "") return `GPU ${value}`;
    return value;
  });
  return values.filter(Boolean).join(" / ") || "all";
}

/**
 * Metrics as they are said beside a line; nothing where there is one only.
 * @param {string[]} metrics of one chart
 * @returns {Map<string, string>}
 */
export function namesOfMetrics(metrics) {
  if (metrics.length < 2) return new Map(metrics.map((metric) => [metric, instanceName(splitKey(metric)[1])]));
  const bases = [...new Set(metrics.map((metric) => splitKey(metric)[0]))];
  const short = new Map(shortNames(bases).map((name, i) => [bases[i], bases.length > 1 ? name : ""]));
  return new Map(
    metrics.map((metric) => {
      const [base, instance] = splitKey(metric);
      return [metric, [short.get(base), instanceName(instance)].filter(Boolean).join(" ")];
    }),
  );
}

/** @param {string} metric as a heading: `cpu_percent` is "cpu percent" */
export const titleOfMetric = (metric) => {
  const [base, instance] = splitKey(metric);
  return [base.replaceAll("_", " "), instanceName(instance)].filter(Boolean).join(" ");
};
