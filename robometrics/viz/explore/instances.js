/** Which cores, disks, threads a metric can be of: `name:instance`. Pure. */

import { instanceName, splitKey, storedKey } from "../catalogue.js";

/** Instances of each stored metric; "" is the metric by its name alone. @typedef {Record<string, string[]>} Contents */

/**
 * @typedef {object} Instance
 * @property {string} key as a choice has it
 * @property {string} name
 */

/** Series that are asked for what they have: the rest of a fleet has mostly the same. */
export const ASKED_MAX = 16;

/** More are not offered: a search finds the one that is meant. */
export const OFFERED_MAX = 64;

/**
 * @param {Contents[]} all of several series
 * @returns {Contents} what any of them has
 */
export function merged(all) {
  /** @type {Map<string, Set<string>>} */
  const found = new Map();
  for (const [metric, instances] of all.flatMap((each) => Object.entries(each))) {
    const known = found.get(metric) ?? new Set();
    for (const instance of instances) known.add(instance);
    found.set(metric, known);
  }
  const byName = new Intl.Collator(undefined, { numeric: true }).compare;
  return Object.fromEntries([...found].map(([metric, instances]) => [metric, [...instances].sort(byName)]));
}

/**
 * @param {import("../catalogue.js").Catalogue} catalogue
 * @param {Contents} contents
 * @param {string} metric
 * @returns {Instance[]} of a rate those of its counter; none: it is one number
 */
export function instancesOf(catalogue, contents, metric) {
  const instances = contents[storedKey(catalogue, metric)] ?? [];
  return instances.filter(Boolean).map((instance) => ({ key: `${metric}:${instance}`, name: instanceName(instance) }));
}

/**
 * Those offered below a metric: all if it is chosen, else those that are searched for.
 * @param {Instance[]} instances
 * @param {string[]} chosen metrics
 * @param {string} text words: one is the name, or more than a letter of it
 */
export function offered(instances, chosen, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const isChosen = instances.some(({ key }) => chosen.includes(key) || chosen.includes(splitKey(key)[0]));
  if (isChosen) return instances;
  return instances.filter(({ name }) => words.some((word) => name === word || (word.length > 1 && name.toLowerCase().includes(word))));
}
