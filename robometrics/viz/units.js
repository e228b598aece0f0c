/** Numbers and times as people read them. Pure. */

/** Shown where there is no value. */
export const NO_VALUE = "–";

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/**
 * Three significant digits, so that a live number keeps its width.
 * @param {number} value
 */
function threeDigits(value) {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

/** @param {number | null | undefined} bytes */
export function formatBytes(bytes) {
  if (bytes == null || !Number.isFinite(bytes)) return NO_VALUE;
  let value = bytes;
  let unit = 0;
  // 999.5 and not 1024: "1000 KiB" would need a fourth digit.
  while (Math.abs(value) >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : threeDigits(value)} ${BYTE_UNITS[unit]}`;
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

/** @param {number | null | undefined} percent 100 is one core */
export function formatPercent(percent) {
  if (percent == null || !Number.isFinite(percent)) return NO_VALUE;
  return `${percent.toFixed(Math.abs(percent) >= 99.95 ? 0 : 1)} %`;
}

/** @param {number} percent */
export function formatPercentMark(percent) {
  return `${Number(percent.toPrecision(4))} %`;
}

/** @param {number} n */
const twoDigits = (n) => String(n).padStart(2, "0");

/**
 * Local time of day, HH:MM:SS.
 * @param {number} timeMs since the Unix epoch
 */
export function formatClock(timeMs) {
  const date = new Date(timeMs);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(":");
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
