/** Numbers and times as people read them. Pure. */

/** Shown where there is no value. */
export const NO_VALUE = "–";

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const PREFIXES = ["", "k", "M", "G", "T", "P"];

/**
 * Three significant digits, so that a live number keeps its width.
 * @param {number} value
 */
function threeDigits(value) {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

/**
 * @param {number} value
 * @param {number} base 1000 or 1024
 * @param {number} most the largest prefix
 * @returns {[number, number]} the number to show, and which prefix
 */
function scaled(value, base, most) {
  let shown = value;
  let prefix = 0;
  // 999.5 and not 1024: "1000 KiB" would need a fourth digit.
  while (Math.abs(shown) >= 999.5 && prefix < most) {
    shown /= base;
    prefix += 1;
  }
  return [shown, prefix];
}

/** @param {number | null | undefined} value @returns {value is number} */
const isNumber = (value) => value != null && Number.isFinite(value);

/** @param {number | null | undefined} bytes */
export function formatBytes(bytes) {
  if (!isNumber(bytes)) return NO_VALUE;
  const [value, prefix] = scaled(bytes, 1024, BYTE_UNITS.length - 1);
  return `${prefix === 0 ? Math.round(value) : threeDigits(value)} ${BYTE_UNITS[prefix]}`;
}

/**
 * An axis mark: without the zeros that a live number needs ("64 MiB", "0").
 * @param {number} bytes
 */
export function formatBytesMark(bytes) {
  if (bytes === 0) return "0";
  const unit = Math.min(
    BYTE_UNITS.length - 1,
    Math.max(0, Math.floor(Math.log2(Math.abs(bytes)) / 10)),
  );
  return `${Number((bytes / 1024 ** unit).toPrecision(4))} ${BYTE_UNITS[unit]}`;
}

/** @param {number | null | undefined} percent 100 is one core, or all of a thing */
export function formatPercent(percent) {
  if (!isNumber(percent)) return NO_VALUE;
  return `${percent.toFixed(Math.abs(percent) >= 99.95 ? 0 : 1)} %`;
}

/**
 * What is shown as a part of a fixed whole: two readings, each a little late, can make it
 * more than there is.
 * @param {number | null | undefined} part
 * @param {number | null} whole null: not known
 */
export const within = (part, whole) => (isNumber(part) && whole ? Math.min(part, whole) : part);

/** @param {number} percent */
export function formatPercentMark(percent) {
  return `${Number(percent.toPrecision(4))} %`;
}

/** @param {string} symbol @returns {(value: number | null | undefined) => string} */
const withPrefix = (symbol) => (value) => {
  if (!isNumber(value)) return NO_VALUE;
  const [shown, prefix] = scaled(value, 1000, PREFIXES.length - 1);
  const text = prefix === 0 && Number.isInteger(shown) ? String(shown) : threeDigits(shown);
  return `${text} ${PREFIXES[prefix]}${symbol}`.trimEnd();
};

/** @param {string} symbol @returns {(value: number) => string} */
const markWithPrefix = (symbol) => (value) => {
  if (value === 0) return "0";
  const [shown, prefix] = scaled(value, 1000, PREFIXES.length - 1);
  return `${Number(shown.toPrecision(4))} ${PREFIXES[prefix]}${symbol}`.trimEnd();
};

const NS = /** @type {[number, string][]} */ ([
  [86_400e9, "d"],
  [3_600e9, "h"],
  [60e9, "min"],
  [1e9, "s"],
  [1e6, "ms"],
  [1e3, "µs"],
]);

/** @param {number | null | undefined} ns */
function formatNs(ns) {
  if (!isNumber(ns)) return NO_VALUE;
  const [size, unit] = NS.find(([size]) => Math.abs(ns) >= size) ?? [1, "ns"];
  return `${size === 1 ? Math.round(ns) : threeDigits(ns / size)} ${unit}`;
}

/** @param {number} ns */
function formatNsMark(ns) {
  if (ns === 0) return "0";
  const [size, unit] = NS.find(([size]) => Math.abs(ns) >= size) ?? [1, "ns"];
  return `${Number((ns / size).toPrecision(4))} ${unit}`;
}

const MIB = 1024 ** 2;
const DECIMAL = Array.from({ length: 19 }, (_, power) => power - 3).flatMap((power) =>
  [1, 2, 2.5, 5].map((digit) => Number(`${digit}e${power}`)),
);
const BINARY = Array.from({ length: 54 }, (_, power) => 2 ** power);

/**
 * @typedef {object} UnitStyle how values of a unit are written, and their axis marked
 * @property {(value: number | null | undefined) => string} format
 * @property {(value: number) => string} mark
 * @property {number[]} increments allowed distances of axis marks
 * @property {number} topMin an axis from zero reaches at least this far
 * @property {boolean} isFromZero whether zero means "none", so that areas can be read
 */

/**
 * @param {UnitStyle["format"]} format
 * @param {UnitStyle["mark"]} mark
 * @param {number} topMin
 * @returns {UnitStyle}
 */
const decimal = (format, mark, topMin, isFromZero = true) => ({
  format,
  mark,
  increments: DECIMAL,
  topMin,
  isFromZero,
});

/** @param {string} symbol @param {boolean} [isFromZero] */
const plain = (symbol, isFromZero) =>
  decimal(withPrefix(symbol), markWithPrefix(symbol), 1, isFromZero);

/** @type {UnitStyle} */
const BYTES = {
  format: formatBytes,
  mark: formatBytesMark,
  increments: BINARY,
  topMin: MIB,
  isFromZero: true,
};

/** @type {Record<string, UnitStyle>} */
const STYLES = {
  percent: decimal(formatPercent, formatPercentMark, 10),
  bytes: BYTES,
  "bytes per second": {
    ...BYTES,
    format: (value) => (isNumber(value) ? `${formatBytes(value)}/s` : NO_VALUE),
    mark: (value) => (value === 0 ? "0" : `${formatBytesMark(value)}/s`),
    topMin: 1024,
  },
  "count per second": plain("/s"),
  nanoseconds: decimal(formatNs, formatNsMark, 1_000, false),
  celsius: plain("°C", false),
  watts: plain("W"),
  millijoules: plain("mJ"),
  hertz: plain("Hz"),
  volts: plain("V", false),
  dBm: plain("dBm", false),
  "revolutions per minute": plain("rpm"),
  "parts per billion": plain("ppb", false),
  cores: plain("cores"),
};

const COUNT = plain("");

/** @param {string} unit as the catalogue has it @returns {UnitStyle} */
export const unitStyle = (unit) => STYLES[unit] ?? COUNT;

/** @param {number} n */
const twoDigits = (n) => String(n).padStart(2, "0");

/**
 * Time of day, HH:MM:SS.
 * @param {number} timeMs since the Unix epoch
 * @param {boolean} [isUtc]
 */
export function formatClock(timeMs, isUtc = false) {
  const date = new Date(timeMs);
  const parts = isUtc
    ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
    : [date.getHours(), date.getMinutes(), date.getSeconds()];
  return parts.map(twoDigits).join(":");
}

/**
 * Date and time of day, YYYY-MM-DD HH:MM:SS.
 * @param {number} timeMs since the Unix epoch
 * @param {boolean} [isUtc]
 */
export function formatMoment(timeMs, isUtc = false) {
  const date = new Date(timeMs);
  const [year, month, day] = isUtc
    ? [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
    : [date.getFullYear(), date.getMonth(), date.getDate()];
  return `${year}-${twoDigits(month + 1)}-${twoDigits(day)} ${formatClock(timeMs, isUtc)}`;
}

/**
 * A duration in its one or two largest units.
 * @param {number} durationMs
 */
export function formatDuration(durationMs) {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
