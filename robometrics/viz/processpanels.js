/** Which charts a process has: by what it is known to have, and in an order that stays. Pure. */

import { storedKey } from "./catalogue.js";

/** @typedef {import("./panels.js").PanelSpec} PanelSpec */
/** @typedef {{title: string, panels: PanelSpec[]}} Section */

/** @param {string} id @param {string} title @param {string[]} metrics @param {string} [hint] @returns {PanelSpec} */
const panel = (id, title, metrics, hint) => ({ id, title, metrics, hint });

const CORE = "100 % is one core";
const ALL_TIME = "100 %: all the time";

/** Charts that every process has; the others come with what there is to draw. */
const ALWAYS = new Set(["cpu", "memory"]);

/** More lines in one chart nobody tells apart. */
const INSTANCES_MAX = 32;

/** More charts of metrics that no list names would bury the others. */
const OTHERS_MAX = 24;

/** @type {Section[]} */
const SECTIONS = [
  {
    title: "",
    panels: [
      panel("cpu", "CPU", ["cpu_percent"], CORE),
      panel("memory", "Memory", ["memory_rss_bytes", "memory_pss_bytes", "memory_uss_bytes", "memory_swap_bytes"]),
      panel("gpu", "GPU time", ["gpu_time_percent", "gpu_utilization_percent"]),
      panel("gpu-memory", "GPU memory", ["gpu_memory_used_bytes"]),
      panel("gpu-engines", "GPU time by engine", ["gpu_engine_percent"]),
      panel("io", "Disk I/O", ["io_read_bytes_per_second", "io_write_bytes_per_second"]),
      panel("thread-cpu", "CPU by name of thread", ["thread_cpu_percent"], CORE),
      panel("threads", "Threads", ["thread_count"]),
      panel("wait", "Waiting for a CPU", ["runqueue_wait_percent"], "100 %: one thread all the time"),
      panel("switches", "Context switches", ["context_switches_per_second"]),
      panel("faults", "Page faults", ["minor_faults_per_second", "major_faults_per_second"]),
      panel("files", "Open files", ["open_file_count"]),
    ],
  },
  {
    title: "With all that it started",
    panels: [
      panel("tree-cpu", "CPU of the tree", ["tree_cpu_percent"], CORE),
      panel("tree-memory", "Memory of the tree", ["tree_memory_rss_bytes"], "what is shared counts for each"),
      panel("tree-count", "Processes of the tree", ["tree_process_count"]),
      panel("children-cpu", "CPU of children that ended", ["children_cpu_percent"], "told when they end"),
    ],
  },
  {
    title: "Its container or unit",
    panels: [
      panel("cgroup-cpu", "CPU", ["cgroup_cpu_percent", "cgroup_cpu_user_percent", "cgroup_cpu_system_percent"], CORE),
      panel("cgroup-throttled", "Held back by its CPU quota", ["cgroup_cpu_throttled_percent"], ALL_TIME),
      panel("cgroup-throttles", "Times its CPU quota was used up", ["cgroup_cpu_throttles_per_second"]),
      panel("cgroup-memory", "Memory", [
        "cgroup_memory_current_bytes",
        "cgroup_memory_peak_bytes",
        "cgroup_memory_limit_bytes",
      ]),
      panel("cgroup-pressure", "Pressure", [
        "cgroup_cpu_pressure_percent",
        "cgroup_memory_pressure_percent",
        "cgroup_io_pressure_percent",
      ], "time some task waited"),
      panel("cgroup-pressure-full", "Full pressure", [
        "cgroup_cpu_pressure_full_percent",
        "cgroup_memory_pressure_full_percent",
        "cgroup_io_pressure_full_percent",
      ], "time all tasks waited"),
      panel("cgroup-io", "Disk I/O", [
        "cgroup_io_read_bytes_per_second",
        "cgroup_io_write_bytes_per_second",
      ]),
      panel("cgroup-tasks", "Threads", ["cgroup_task_count"]),
      panel("cgroup-oom", "Killed for want of memory", ["cgroup_oom_kills_per_second"]),
    ],
  },
];

const NAMED = SECTIONS.flatMap(({ panels }) => panels.flatMap(({ metrics }) => metrics));

/**
 * What a metric is asked for by: its name if the process has it, or its instances.
 * @param {import("./subject.js").Contents} contents
 * @param {import("./catalogue.js").Catalogue} catalogue
 * @param {string} metric
 * @returns {string[]}
 */
function keysOf(contents, catalogue, metric) {
  const instances = contents[storedKey(catalogue, metric)] ?? [];
  if (instances.includes("")) return [metric];
  return instances.slice(0, INSTANCES_MAX).map((instance) => `${metric}:${instance}`);
}

/**
 * What it has that no chart has a place for: of a counter its rate, if there is one.
 * @param {import("./subject.js").Contents} contents
 * @param {import("./catalogue.js").Catalogue} catalogue
 * @returns {string[]}
 */
function unnamed(contents, catalogue) {
  const named = new Set(NAMED.map((metric) => storedKey(catalogue, metric)));
  const rates = new Map([...catalogue.values()].map(({ name, source }) => [source, name]));
  return Object.keys(contents)
    .filter((name) => !named.has(name))
    .map((name) => rates.get(name) ?? name)
    .sort();
}

/**
 * The charts of one process. Metrics that no list names have charts of their own, so
 * that what a newer worker measures is seen.
 * @param {import("./subject.js").Contents} contents
 * @param {import("./catalogue.js").Catalogue} catalogue
 * @returns {Section[]}
 */
export function sectionsOf(contents, catalogue) {
  /** @param {PanelSpec} spec @returns {PanelSpec} */
  const asHad = ({ metrics, ...spec }) => {
    const had = metrics.flatMap((metric) => keysOf(contents, catalogue, metric));
    return { ...spec, metrics: had.length === 0 && ALWAYS.has(spec.id) ? metrics.slice(0, 1) : had };
  };
  const others = unnamed(contents, catalogue).slice(0, OTHERS_MAX);
  return [
    ...SECTIONS,
    { title: "Other", panels: others.map((name) => panel(name, name.replaceAll("_", " "), [name])) },
  ]
    .map(({ title, panels }) => ({ title, panels: panels.map(asHad).filter(({ metrics }) => metrics.length > 0) }))
    .filter(({ panels }) => panels.length > 0);
}

/** @param {Section[]} sections */
export const metricsOfSections = (sections) => [
  ...new Set(sections.flatMap(({ panels }) => panels.flatMap(({ metrics }) => metrics))),
];
