/** Which rows of a long table are in sight: only those are rendered. Pure. */

/**
 * @param {number[]} heightsPx of each row
 * @returns {number[]} where each row begins, and behind the last where all end
 */
export function offsetsOf(heightsPx) {
  const offsets = [0];
  for (const px of heightsPx) offsets.push(offsets[offsets.length - 1] + px);
  return offsets;
}

/**
 * @param {number[]} offsets
 * @param {number} topPx of what is in sight, from the beginning of the first row
 * @param {number} bottomPx
 * @param {number} sparePx rendered before and behind it, so that scrolling shows no hole
 * @returns {{from: number, to: number}} the first row, and the one behind the last
 */
export function windowOf(offsets, topPx, bottomPx, sparePx) {
  const count = offsets.length - 1;
  const from = Math.min(count, firstBeyond(offsets, topPx - sparePx));
  const to = Math.min(count, firstBeyond(offsets, bottomPx + sparePx) + 1);
  return { from, to: Math.max(from, to) };
}

/** @param {number[]} offsets @param {number} px @returns {number} the row that lies there */
function firstBeyond(offsets, px) {
  let [low, high] = [0, offsets.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (offsets[middle + 1] > px) high = middle;
    else low = middle + 1;
  }
  return low;
}
