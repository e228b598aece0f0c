/** What each metric means, its unit, and how a rate comes from its counter. Pure. */

/**
 * @typedef {object} Metric as `GET /api/v1/metrics` has it
 * @property {string} name
 * @property {string} unit
 * @property {"counter" | "gauge" | "rate"} kind
 * @property {string} description
 * @property {string | null} source counter that a rate is of
 * @property {number | null} scale units of a rate per unit of its counter each second
 * @property {number} period_seconds 0: read with every sample
 * @property {string} group
 * @property {string[]} of kinds of series that have it
 */

/** @typedef {Map<string, Metric>} Catalogue */

/** @param {Metric[]} rows @returns {Catalogue} */
export const catalogueOf = (rows) => new Map(rows.map((row) => [row.name, row]));

/** @param {string} key @returns {[string, string]} name, and instance or "" */
export function splitKey(key) {
  const at = key.indexOf(":");
  return at < 0 ? [key, ""] : [key.slice(0, at), key.slice(at + 1)];
}

/** All instances of a metric, as `temperature_celsius:*`: the highest of them counts. */
const ANY = "*";

/** @param {string} key */
export const isOfAll = (key) => splitKey(key)[1] === ANY;

/**
 * Name of an instance as people know it: what a subject cannot hold is written `=XX`.
 * @param {string} instance
 */
export function instanceName(instance) {
  const bytes = instance.replace(/=([0-9A-F]{2})/g, "%$1");
  try {
    return decodeURIComponent(bytes);
  } catch {
    return instance;
  }
}

/**
 * A metric, or what can be said of one that the server does not know.
 * @param {Catalogue} catalogue
 * @param {string} key
 * @returns {Metric}
 */
export function describe(catalogue, key) {
  const [name] = splitKey(key);
  const known = catalogue.get(name);
  if (known) return known;
  const isCounter = /_total$|_time_ns$/.test(name);
  return {
    name,
    unit: "",
    kind: isCounter ? "counter" : "gauge",
    description: "",
    source: null,
    scale: null,
    period_seconds: 0,
    group: "",
    of: [],
  };
}

/**
 * Which stored metric has the samples of *key*: a rate's is its counter, and a name
 * stands for all its instances.
 * @param {Catalogue} catalogue
 * @param {string} key
 */
export function storedKey(catalogue, key) {
  const [name, instance] = splitKey(key);
  const source = catalogue.get(name)?.source ?? name;
  return instance && instance !== ANY ? `${source}:${instance}` : source;
}
