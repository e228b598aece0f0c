/**
 * Of a fleet too large to be watched whole: numbers of all hosts every now and then, as
 * far as they are sorted and summed up by. Each is a question in PromQL, answered by host,
 * and costs the server a reading of every host. Pure.
 */

import { BUSY_PERCENT, UNKNOWN } from "./fleetrows.js";

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
