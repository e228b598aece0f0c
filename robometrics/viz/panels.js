/** Which charts a host and a GPU have by name, in which order. Pure. */

/**
 * @typedef {object} PanelSpec
 * @property {string} id
 * @property {string} title
 * @property {string[]} metrics of one unit
 * @property {string} [hint]
 */

/** @param {string} id @param {string} title @param {string[]} metrics @param {string} [hint] @returns {PanelSpec} */
const panel = (id, title, metrics, hint) => ({ id, title, metrics, hint });

const CORE = "100 % is one core";

/**
 * @typedef {object} InstancesSpec a chart with a line for each disk, interface or sensor
 * @property {string} id
 * @property {string} title
 * @property {string} each metric
 * @property {string} [hint]
 */

/**
 * @typedef {object} SectionSpec
 * @property {string} id also the group of metrics that it is the place of
 * @property {string} title
 * @property {string[]} [groups] others it is the place of
 * @property {(PanelSpec | InstancesSpec)[]} [panels]
 * @property {string[]} [shown] metrics it shows otherwise than by a chart of lines
 */

/** @param {string} id @param {string} title @param {string} metric @returns {InstancesSpec} */
const each = (id, title, metric) => ({ id, title, each: metric });

/** What a host is said to be, in numbers: the newest is enough. */
export const HOST_FACTS = ["cpu_count", "memory_total_bytes", "uptime_ns"];

/** Of a host, in the order of the page. @type {SectionSpec[]} */
export const HOST_SECTIONS = [
  {
    id: "cpu",
    title: "CPU",
    panels: [
      panel("cpu", "CPU", ["cpu_percent"], CORE),
      panel("cpu-use", "CPU by use", [
        "cpu_user_percent",
        "cpu_system_percent",
        "cpu_iowait_percent",
        "cpu_irq_percent",
        "cpu_steal_percent",
      ], CORE),
      panel("clocks", "CPU clocks", [
        "cpu_frequency_hertz",
        "cpu_frequency_lowest_hertz",
        "cpu_frequency_highest_hertz",
      ]),
      panel("clock-limit", "Allowed clock", ["cpu_frequency_limit_percent"], "of what it could"),
    ],
    shown: ["cpu_count"],
  },
  {
    id: "memory",
    title: "Memory",
    panels: [
      panel("memory", "Memory", [
        "memory_used_bytes",
        "memory_cached_bytes",
        "memory_available_bytes",
        "memory_total_bytes",
      ]),
      panel("swap", "Swap", ["swap_used_bytes", "swap_total_bytes"]),
    ],
  },
  { id: "gpu", title: "GPUs" },
  { id: "processes", title: "Processes" },
  { id: "events", title: "Events" },
  {
    id: "pressure",
    title: "Pressure",
    panels: [
      panel("pressure", "Pressure", [
        "cpu_pressure_percent",
        "memory_pressure_percent",
        "io_pressure_percent",
      ], "time some task waited"),
      panel("pressure-full", "Full pressure", [
        "memory_pressure_full_percent",
        "io_pressure_full_percent",
      ], "time all work waited"),
    ],
  },
  {
    id: "load",
    title: "Load",
    groups: ["scheduling", "tasks"],
    panels: [
      panel("load", "Load", ["load_1m", "load_5m", "load_15m"], "tasks that run or wait"),
      panel("tasks", "Tasks", ["tasks_running_count", "tasks_blocked_count"]),
      panel("switches", "Switches and interrupts", [
        "context_switches_per_second",
        "interrupts_per_second",
      ]),
    ],
  },
  {
    id: "disk",
    title: "Disks",
    panels: [
      panel("disk", "Disk", ["disk_read_bytes_per_second", "disk_write_bytes_per_second"]),
      each("disk-busy", "Busy by disk", "disk_busy_percent"),
      each("disk-read", "Read by disk", "disk_read_bytes_per_second"),
      each("disk-write", "Written by disk", "disk_write_bytes_per_second"),
    ],
  },
  {
    id: "filesystem",
    title: "File systems",
    panels: [each("filesystem", "Used by mount", "filesystem_used_bytes")],
    shown: ["filesystem_total_bytes", "filesystem_used_bytes"],
  },
  {
    id: "network",
    title: "Network",
    panels: [
      panel("network", "Network", [
        "network_received_bytes_per_second",
        "network_sent_bytes_per_second",
      ]),
      each("network-received", "Received by interface", "network_received_bytes_per_second"),
      each("network-sent", "Sent by interface", "network_sent_bytes_per_second"),
    ],
  },
  {
    id: "temperature",
    title: "Temperature",
    panels: [
      each("temperature", "Temperature by sensor", "temperature_celsius"),
      each("fans", "Fans", "fan_rpm"),
      panel("throttled", "Slowed by heat", ["cpu_throttled_percent"]),
    ],
  },
  {
    id: "power",
    title: "Power",
    panels: [
      panel("power", "Processor power", ["cpu_power_watts"]),
      each("rails", "Power by rail", "power_watts"),
      each("battery", "Battery", "battery_percent"),
    ],
  },
  {
    id: "limits",
    title: "Limits",
    groups: ["container"],
    panels: [
      panel("limit-cores", "CPU quota of the container", ["cpu_limit_cores"]),
      panel("limit-throttled", "Waited for the CPU quota", ["cpu_limit_throttled_percent"]),
      panel("limit-memory", "Memory of its limit", ["memory_limit_used_bytes", "memory_limit_bytes"]),
    ],
  },
  { id: "clock", title: "Clock", panels: [panel("clock-offset", "Clock offset", ["clock_offset_ns"], "of the server's")] },
  { id: "worker", title: "Worker", panels: [panel("worker", "CPU of the worker", ["worker_cpu_percent"], CORE)] },
  { id: "other", title: "Other", groups: ["reported"] },
];

/** Each with a line for each GPU; of the only one its limits as well. @type {(PanelSpec & {limits?: string[]})[]} */
export const GPU_PANELS = [
  panel("gpu", "GPU", ["gpu_utilization_percent"]),
  { ...panel("gpu-memory", "GPU memory", ["gpu_memory_used_bytes"]), limits: ["gpu_memory_total_bytes"] },
  { ...panel("gpu-power", "GPU power", ["gpu_power_watts"]), limits: ["gpu_power_limit_watts"] },
  panel("gpu-temperature", "GPU temperature", [
    "gpu_temperature_celsius",
    "gpu_memory_temperature_celsius",
  ]),
  panel("gpu-clocks", "GPU clocks", ["gpu_clock_hertz", "gpu_memory_clock_hertz"]),
  panel("gpu-throttled", "GPU slowed", [
    "gpu_throttled_power_cap_flag",
    "gpu_throttled_power_brake_flag",
    "gpu_throttled_thermal_flag",
    "gpu_throttled_hardware_flag",
  ], "1: it is"),
];

/** @param {PanelSpec[]} panels */
export const metricsOf = (panels) => [...new Set(panels.flatMap(({ metrics }) => metrics))];
