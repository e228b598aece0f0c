/** Arithmetic on what a chart draws. Pure. */

/** Marks of the y axis are at most this many. */
const MARKS_MAX = 6;

/**
 * Top of a y axis that starts at zero: a whole mark above the highest value, so that
 * it rarely moves while the line does.
 * @param {number} max highest value
 * @param {number} topMin
 * @param {number[]} increments allowed distances of marks, ascending
 */
export function axisTop(max, topMin, increments) {
  const wanted = Math.max(max * 1.05, topMin);
  const step = increments.find((increment) => increment * MARKS_MAX >= wanted);
  return step === undefined ? wanted : Math.ceil(wanted / step) * step;
}

/**
 * Values with a gap on both sides: no line leads through them.
 * @param {(number | null)[]} values
 * @returns {number[] | null} their indices; null if there are none
 */
export function lonelyIndices(values) {
  const indices = [];
  for (let i = 0; i < values.length; i += 1) {
    const isLonely = values[i] !== null && values[i - 1] == null && values[i + 1] == null;
    if (isLonely) indices.push(i);
  }
  return indices.length > 0 ? indices : null;
}

/**
 * @param {number[]} times
 * @param {(number | null)[]} values
 * @param {number} fromMs
 * @returns {{min: number, mean: number, max: number} | null} null: no value since then
 */
export function summarize(times, values, fromMs) {
  let [min, max, sum, count] = [Infinity, -Infinity, 0, 0];
  for (let i = 0; i < times.length; i += 1) {
    const value = values[i];
    if (value === null || times[i] < fromMs) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    count += 1;
  }
  return count > 0 ? { min, mean: sum / count, max } : null;
}
