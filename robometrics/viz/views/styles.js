/** How each metric's chart looks and reads. */

import { formatBytes, formatBytesMark, formatPercent, formatPercentMark } from "../units.js";

const MIB = 1024 ** 2;

const decimalIncrements = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, 5000, 10_000];
const binaryIncrements = Array.from({ length: 44 }, (_, power) => 1024 * 2 ** power);

/**
 * @typedef {object} MetricStyle
 * @property {string} metric
 * @property {string} title
 * @property {string} hint
 * @property {(value: number | null) => string} format
 */

/** @type {MetricStyle & import("../chart.js").ChartStyle} */
export const cpuStyle = {
  metric: "cpu_percent",
  title: "CPU",
  hint: "100 % is one core",
  format: formatPercent,
  mark: formatPercentMark,
  colorVariable: "--series-cpu",
  increments: decimalIncrements,
  topMin: 10,
};

const memory = {
  title: "Memory",
  format: formatBytes,
  mark: formatBytesMark,
  colorVariable: "--series-memory",
  increments: binaryIncrements,
  topMin: MIB,
};

/** @type {Record<"process" | "host", MetricStyle & import("../chart.js").ChartStyle>} */
export const memoryStyle = {
  process: { ...memory, metric: "memory_rss_bytes", hint: "resident" },
  host: { ...memory, metric: "memory_used_bytes", hint: "used" },
};
