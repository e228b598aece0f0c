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
 * @param {(number | null | undefined)[]} values undefined: a line leads across
 * @returns {number[] | null} their indices; null if there are none
 */
export function lonelyIndices(values) {
  const indices = [];
  let before = -1;  // the last value, unless a gap came after it
  for (let i = 0; i < values.length; i += 1) {
    if (values[i] === undefined) continue;
    if (values[i] === null) {
      before = -1;
      continue;
    }
    let next = i + 1;
    while (next < values.length && values[next] === undefined) next += 1;
    if (before < 0 && values[next] == null) indices.push(i);
    before = i;
  }
  return indices.length > 0 ? indices : null;
}
