/**
 * Numbers of all hosts that are not watched, asked for every now and then: of a fleet too
 * large for that what it is sorted and summed up by, and of a fixed range what only live
 * samples would tell. Each is a question in PromQL, answered by host,
 * and costs the server a reading of every host. Pure.
 */

import { BUSY_PERCENT, UNKNOWN } from "./fleetrows.js";
import { isLive } from "./range.js";

/** @typedef {import("./fleetrows.js").Measures} Measures */

/** @typedef {Exclude<keyof Measures, "shed">} Topic */

/** @typedef {{metric: Record<string, string>, value: [number, string]}} Answer of one host */

/** @param {string} part @param {string} whole */
const share = (part, whole) =>
  `max by (host) (${part}{kind="host",part=""}) / max by (host) (${whole}{kind="host",part=""})`;

/** @type {Record<Topic, string>} */
export const QUESTIONS = {
  cpu: share("cpu_percent", "cpu_count"),
  memory: `100 * ${share("memory_used_bytes", "memory_total_bytes")}`,
  gpu: 'max by (host) (gpu_utilization_percent{kind="gpu",part=""})',
  gpusBusy: `count by (host) (gpu_utilization_percent{kind="gpu",part=""} >= ${BUSY_PERCENT})`,
  temperature: 'max by (host) (temperature_celsius{kind="host"})',
};

/** @type {Partial<Record<import("./fleetrows.js").Key, Topic[]>>} */
const NEEDED = {
  cpu: ["cpu"],
  memory: ["memory"],
  gpu: ["gpu"],
  temperature: ["temperature"],
  attention: ["memory", "temperature"],
};

/**
 * What has to be asked, the most urgent first.
 * @param {import("./fleetrows.js").Key} key what rows are sorted by
 * @param {boolean} hasGpus
 * @returns {Topic[]}
 */
export const topicsOf = (key, hasGpus) => [...(NEEDED[key] ?? []), ...(hasGpus ? /** @type {Topic[]} */ (["gpusBusy"]) : [])];

/**
 * What has to be asked of a fleet that is watched whole: which sensors there are, so which
 * is the hottest, is seen in live samples only.
 * @param {import("./range.js").Range} range
 * @returns {Topic[]}
 */
export const watchedTopicsOf = (range) => (isLive(range) ? [] : ["temperature"]);

/**
 * @param {Map<Topic, Answer[]>} answers
 * @returns {Map<string, Measures>}
 */
export function surveyed(answers) {
  /** @type {Map<string, Measures>} */
  const found = new Map();
  for (const [topic, rows] of answers) {
    for (const { metric, value } of rows) {
      const measured = Number(value[1]);
      if (!Number.isFinite(measured)) continue;
      found.set(metric.host, { ...(found.get(metric.host) ?? UNKNOWN), [topic]: measured });
    }
  }
  return found;
}
