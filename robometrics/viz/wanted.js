/** What each view has to ask for. Pure. */

import { asksOfChoice } from "./explore/matching.js";
import { choiceOf, isPolled } from "./explore/choice.js";
import { HOST_FACTS } from "./panels.js";
import { metricsOfSections, sectionsOf as processSections } from "./processpanels.js";
import { ownOf } from "./route.js";
import { asksIn, sectionsOf, shownOf } from "./sections.js";
import { gpuId, hostId, processId } from "./series.js";

/** Of a larger fleet only hosts in sight are asked for. */
export const HOSTS_MAX = 64;

/** Metrics of a host's row in the fleet. */
export const FLEET_METRICS = [
  "cpu_percent",
  "cpu_count",
  "memory_used_bytes",
  "memory_total_bytes",
  "temperature_celsius:*",
  "uptime_ns",
  "worker_batches_shed_total",
];
export const FLEET_GPU_METRICS = [
  "gpu_utilization_percent",
  "gpu_memory_used_bytes",
  "gpu_memory_total_bytes",
  "gpu_temperature_celsius",
  "gpu_power_watts",
];

/** Metrics of a process's row in the table of its host: one has a line. */
export const TABLE_DRAWN = ["cpu_percent"];

/** Of these the newest value is shown. */
export const TABLE_METRICS = [
  "memory_rss_bytes",
  "thread_count",
  "io_read_bytes_per_second",
  "io_write_bytes_per_second",
];
export const TABLE_GPU_METRICS = [
  "gpu_utilization_percent",
  "gpu_time_percent",
  "gpu_memory_used_bytes",
];

/**
 * @typedef {object} Fleet
 * @property {import("./api.js").Host[]} hosts
 * @property {import("./api.js").Process[]} processes
 * @property {import("./api.js").Gpu[]} gpus
 */

/**
 * @typedef {object} Known what else is known by now
 * @property {import("./catalogue.js").Catalogue} catalogue
 * @property {import("./contents.js").HostContents | null} contents what a host has
 * @property {import("./subject.js").Subject | null} subject what a process has
 * @property {string[]} inSight hosts whose rows are in sight
 */

/** @typedef {import("./asking.js").Ask} Ask */

/**
 * @param {import("./route.js").Route} route
 * @param {Fleet} fleet
 * @param {Known} known
 * @returns {Ask[]}
 */
export function asksOf(route, fleet, known) {
  const { view, host, process } = route;
  if (view === "explore") {
    const choice = choiceOf(route);
    const { hosts, processes, gpus } = fleet;
    return isPolled(choice) ? [] : asksOfChoice(choice, hosts, processes, gpus);
  }
  if (view === "process" && host !== null && process !== null) {
    return processAsks(host, process, known);
  }
  if (view === "host" && host !== null) return hostAsks(route, host, fleet, known);
  return view === "fleet" ? fleetAsks(fleet, known) : [];
}

/** @param {string} host @param {string} process @param {Known} known @returns {Ask[]} */
function processAsks(host, process, { catalogue, subject }) {
  // A moment later it is known which metrics there are: asking twice would take longer.
  if (subject?.host !== host || subject.process !== process) return [];
  const metrics = metricsOfSections(processSections(subject.contents, catalogue));
  return [{ ids: [processId(host, process)], metrics }];
}

/**
 * @param {import("./route.js").Route} route
 * @param {string} host
 * @param {Fleet} fleet
 * @param {Known} known
 * @returns {Ask[]}
 */
function hostAsks(route, host, { processes, gpus }, { catalogue, contents }) {
  // A moment later it is known which metrics there are: asking twice would take longer.
  if (contents?.host !== host) return [];
  const mine = gpus.filter((each) => each.host === host);
  const running = processes.filter((each) => each.host === host && each.state === "running");
  const ids = running.map((each) => processId(host, each.process));
  const sections = sectionsOf(host, contents, mine, catalogue);
  const [find = ""] = ownOf(route, "find");
  return [
    ...asksIn(shownOf(sections, ownOf(route, "more"), find)),
    { ids: [hostId(host)], metrics: HOST_FACTS, isLatest: true },
    { ids, metrics: TABLE_DRAWN },
    { ids, metrics: [...TABLE_METRICS, ...(mine.length > 0 ? TABLE_GPU_METRICS : [])], isLatest: true },
  ];
}

/** @param {Fleet} fleet @param {Known} known @returns {Ask[]} */
function fleetAsks({ hosts, gpus }, { inSight }) {
  const shown = new Set(hosts.length <= HOSTS_MAX ? hosts.map(({ host }) => host) : inSight);
  return [
    { ids: [...shown].map(hostId), metrics: FLEET_METRICS },
    {
      ids: gpus.filter(({ host }) => shown.has(host)).map(({ host, gpu }) => gpuId(host, gpu)),
      metrics: FLEET_GPU_METRICS,
    },
  ];
}
