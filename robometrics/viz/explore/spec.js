/** The Vega-Lite specification of what is shown, with its data in it. Pure. */

import { DASHES } from "../palette.js";
import { axisTop } from "../shape.js";
import { unitStyle } from "../units.js";

/** @typedef {Record<string, any>} Spec */

/**
 * @typedef {object} Look colours as the page has them
 * @property {string} background
 * @property {string} text
 * @property {string} grid
 * @property {string[]} series by number
 */

const SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json";
const WIDTH_PX = 690;
const HEIGHT_PX = 240;

/** Marks of an axis of bytes. */
const MARKS_MAX = 6;

/** Of more lines the extremes would cover each other. */
const BANDS_MAX = 4;

const FONT = "system-ui, sans-serif";
const WHOLE = [1, 0];

/** Bytes go by 1024, which no format of Vega's does. */
const BYTES = [
  "datum.value == 0 ? '0' : format(datum.value / pow(1024, floor(log(abs(datum.value)) / log(1024))), '.4~g') + ' '",
  "+ ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'][floor(log(abs(datum.value)) / log(1024))]",
].join(" ");

/**
 * @param {import("./charts.js").ExploreChart[]} charts
 * @param {import("./rows.js").Row[]} rows
 * @param {Look} look
 * @param {{isUtc: boolean, title: string, fromMs: number, toMs: number}} about
 * @returns {Spec}
 */
export function specOf(charts, rows, look, { isUtc, title, fromMs, toMs }) {
  const domain = [new Date(fromMs).toISOString(), new Date(toMs).toISOString()];
  return {
    $schema: SCHEMA,
    title: { text: title, anchor: "start", frame: "group", offset: 12 },
    data: { name: "shown", values: rows },
    vconcat: charts.map((chart) => viewOf(chart, rows, look, { scale: isUtc ? "utc" : "time", domain })),
    resolve: { scale: { color: "independent", strokeDash: "independent" } },
    config: configOf(look),
  };
}

/**
 * @param {import("./charts.js").ExploreChart} chart
 * @param {import("./rows.js").Row[]} rows
 * @param {Look} look
 * @param {{scale: "utc" | "time", domain: string[]}} time
 */
function viewOf({ unit, title, metrics, lines }, rows, look, { scale, domain }) {
  const names = lines.map(({ label }) => label);
  // One legend for both: Vega-Lite makes one of scales that agree in field and legend.
  const byLine = {
    field: "line",
    type: "nominal",
    legend: { title: null, symbolType: "stroke", symbolOpacity: 1, labelLimit: 300, orient: "bottom", columns: 3 },
  };
  const colors = lines.map(({ paint }) => look.series[paint.color]);
  const dashes = lines.map(({ paint }) => (paint.dash === 0 ? WHOLE : DASHES[paint.dash]));
  const y = {
    field: "value",
    type: "quantitative",
    title: unit || null,
    ...(unit.startsWith("bytes") ? bytesAxis(unit, rows) : { scale: { zero: unitStyle(unit).isFromZero }, axis: { format: "~s" } }),
  };
  const band = {
    mark: { type: "area", opacity: 0.2, line: false, tooltip: false },
    encoding: { y: { ...y, field: "min" }, y2: { field: "max" } },
  };
  const line = {
    mark: { type: "line", strokeWidth: 1.5, tooltip: true },
    encoding: { y, strokeDash: { ...byLine, scale: { domain: names, range: dashes } } },
  };
  return {
    title: { text: title, anchor: "start", frame: "group", fontSize: 12 },
    width: WIDTH_PX,
    height: HEIGHT_PX,
    transform: [{ filter: { field: "metric", oneOf: metrics } }],
    encoding: {
      x: { field: "time", type: "temporal", title: null, scale: { type: scale, domain } },
      color: { ...byLine, scale: { domain: names, range: colors } },
    },
    layer: lines.length <= BANDS_MAX ? [band, line] : [line],
  };
}

/**
 * Marks at whole numbers of KiB, MiB, …, as on the page's own charts.
 * @param {string} unit
 * @param {import("./rows.js").Row[]} rows
 */
function bytesAxis(unit, rows) {
  const { increments, topMin } = unitStyle(unit);
  const max = rows.reduce((most, row) => (row.unit === unit ? Math.max(most, row.max ?? 0) : most), 0);
  const top = axisTop(max, topMin, increments);
  const step = increments.find((each) => each * MARKS_MAX >= top) ?? top;
  const values = Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => i * step);
  return { scale: { domain: [0, top], nice: false }, axis: { values, labelExpr: BYTES } };
}

/** @param {Look} look */
const configOf = ({ background, text, grid }) => ({
  background,
  font: FONT,
  padding: 12,
  view: { stroke: null },
  mark: { invalid: "break-paths-filter-domains" },
  title: { color: text, fontSize: 13 },
  axis: {
    domainColor: grid,
    gridColor: grid,
    labelColor: text,
    tickColor: grid,
    titleColor: text,
    titleFontWeight: "normal",
  },
  legend: { labelColor: text, titleColor: text },
});
