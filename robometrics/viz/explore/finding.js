/** Finding metrics in the catalogue. Pure. */

/** Where a metric stands that says no group. */
const OTHER = "other";

/** What most look for first; the other groups follow by name. */
const FIRST = ["cpu", "memory", "gpu", "disk", "network", "pressure", "temperature", "power"];

/**
 * @param {import("../catalogue.js").Metric[]} metrics
 * @param {import("./choice.js").Kind} kind what shall have them
 * @param {string} text words: each is in the name, unit, group, description or an instance
 * @param {(metric: string) => string[]} [instances] names of them
 * @returns {[string, import("../catalogue.js").Metric[]][]} by group; with a text, what fits best first
 */
export function foundMetrics(metrics, kind, text, instances = () => []) {
  const words = text.toLowerCase().split(/[\s_]+/).filter(Boolean);
  const found = metrics
    .filter(({ of }) => !of?.length || of.includes(kind))
    .map((metric) => ({ metric, rank: rankOf(metric, words, instances) }))
    .filter(({ rank }) => rank < Infinity)
    .sort((a, b) => a.rank - b.rank || (a.metric.name < b.metric.name ? -1 : 1));
  /** @type {Map<string, import("../catalogue.js").Metric[]>} */
  const groups = new Map();
  for (const { metric } of found) {
    const group = metric.group || OTHER;
    groups.set(group, [...(groups.get(group) ?? []), metric]);
  }
  // Searched, the group of what fits best is the first.
  return words.length > 0 ? [...groups] : [...groups].sort(([a], [b]) => place(a) - place(b) || (a < b ? -1 : 1));
}

/** @param {string} group */
const place = (group) => (FIRST.includes(group) ? FIRST.indexOf(group) : FIRST.length);

/**
 * @param {import("../catalogue.js").Metric} metric
 * @param {string[]} words
 * @param {(metric: string) => string[]} instances
 * @returns {number} the lower the better; Infinity: it is none of these
 */
function rankOf({ name, unit, group, description }, words, instances) {
  const rest = [name, unit, group ?? "", description, ...instances(name)].join(" ").toLowerCase();
  if (!words.every((word) => rest.includes(word))) return Infinity;
  if (words.length === 0) return 0;
  if (name.startsWith(words.join("_"))) return 0;
  return words.every((word) => name.includes(word)) ? 1 : 2;
}
