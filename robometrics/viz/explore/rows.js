/** Charts as a table: a row for each value that is drawn. Pure. */

/**
 * @typedef {object} Row
 * @property {string} time ISO 8601; of an earlier time: when it is drawn
 * @property {string} series
 * @property {string} metric
 * @property {string} unit
 * @property {string} statistic
 * @property {string} compared empty, or as `24h earlier`
 * @property {string} line all of it, as in the legend
 * @property {number | null} value null: here a line breaks
 * @property {number | null} min
 * @property {number | null} max
 */

/**
 * @param {import("./charts.js").ExploreChart[]} charts
 * @param {number} fromMs
 * @param {number} toMs
 * @param {number} stepMs
 * @param {(line: import("./charts.js").ChartLine) => number} joinedOf steps without a sample that are no gap
 * @returns {Row[]}
 */
export function rowsOf(charts, fromMs, toMs, stepMs, joinedOf) {
  const startMs = Math.floor(fromMs / stepMs) * stepMs;
  const length = Math.ceil((toMs - startMs) / stepMs);
  return charts.flatMap(({ unit, lines }) =>
    lines.flatMap((line) => rowsOfLine(line, unit, { startMs, length, stepMs, joined: joinedOf(line) })),
  );
}

/**
 * @param {import("./charts.js").ChartLine} line
 * @param {string} unit
 * @param {{startMs: number, length: number, stepMs: number, joined: number}} steps
 */
function rowsOfLine({ metric, series, statistic, earlier, label, entry }, unit, { startMs, length, stepMs, joined }) {
  /** @type {(number | null | undefined)[][]} */
  const [mean, min, max] = [[], [], []];
  entry.tracks.get(metric)?.read(startMs, length, joined, mean, min, max);
  /** @type {Row[]} */
  const rows = [];
  mean.forEach((value, i) => {
    if (value === undefined) return;
    // One row says that a line breaks, however long.
    if (value === null && (rows.at(-1)?.value ?? null) === null) return;
    rows.push({
      time: new Date(startMs + i * stepMs).toISOString(),
      ...{ series, metric, unit, statistic, compared: earlier, line: label },
      value,
      min: min[i] ?? null,
      max: max[i] ?? null,
    });
  });
  return rows;
}

const COLUMNS = /** @type {(keyof Row)[]} */ ([
  ...["time", "series", "metric", "unit", "statistic", "compared", "value", "min", "max"],
]);

/** What a spreadsheet would take for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/** @param {Row[]} rows @returns {string} as the server's own CSV: names quoted, and harmless in a spreadsheet */
export function csvOf(rows) {
  /** @param {string | number | null} value */
  const cell = (value) => {
    if (typeof value !== "string") return value === null ? "" : String(value);
    const harmless = FORMULA.test(value) ? `'${value}` : value;
    return `"${harmless.replaceAll('"', '""')}"`;
  };
  const known = rows.filter(({ value }) => value !== null);
  const lines = known.map((row) => COLUMNS.map((column) => cell(row[column])).join(","));
  return [COLUMNS.map(cell).join(","), ...lines, ""].join("\n");
}
