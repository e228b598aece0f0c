/** A grid of values as colours: one dot of a picture for each step and row. Pure. */

/** @typedef {[number, number, number]} Rgb each 0 to 255 */

/** How finely the scale is told apart. */
const SHADES = 256;

/**
 * @param {string} color as a browser computes it: `rgb(1, 2, 3)`
 * @returns {Rgb}
 */
export function parseRgb(color) {
  const numbers = color.match(/[\d.]+/g) ?? [];
  return /** @type {Rgb} */ ([0, 1, 2].map((i) => Math.round(Number(numbers[i] ?? 0))));
}

/**
 * The shades from the first stop to the last, evenly.
 * @param {Rgb[]} stops at least two
 * @returns {Uint8ClampedArray<ArrayBuffer>} red, green, blue of each
 */
export function shadesOf(stops) {
  const shades = new Uint8ClampedArray(3 * SHADES);
  for (let i = 0; i < SHADES; i += 1) {
    const at = (i / (SHADES - 1)) * (stops.length - 1);
    const stop = Math.min(stops.length - 2, Math.floor(at));
    for (let part = 0; part < 3; part += 1) {
      const [low, high] = [stops[stop][part], stops[stop + 1][part]];
      shades[3 * i + part] = low + (high - low) * (at - stop);
    }
  }
  return shades;
}

/**
 * Paint one row of a picture; where nothing was measured it stays clear.
 * @param {Uint8ClampedArray} pixels red, green, blue, opacity of each dot
 * @param {number} row from the top
 * @param {(number | null | undefined)[]} values undefined: as the one before
 * @param {number} max value of the last shade
 * @param {Uint8ClampedArray} shades
 */
export function paintRow(pixels, row, values, max, shades) {
  let at = 4 * row * values.length;
  let before = /** @type {number | null} */ (null);
  for (const value of values) {
    const shown = value === undefined ? before : value;
    if (shown === null) {
      pixels.fill(0, at, at + 4);
    } else {
      const shade = Math.min(SHADES - 1, Math.max(0, Math.round((shown / max) * (SHADES - 1))));
      pixels[at] = shades[3 * shade];
      pixels[at + 1] = shades[3 * shade + 1];
      pixels[at + 2] = shades[3 * shade + 2];
      pixels[at + 3] = 255;
    }
    before = shown;
    at += 4;
  }
}

/**
 * Height that a row needs to be told apart, and all of them together should not exceed.
 * @param {number} rows
 * @returns {number} CSS pixels of the whole grid
 */
export const gridHeight = (rows) => Math.round(Math.min(512, Math.max(96, rows * (rows <= 16 ? 16 : rows <= 64 ? 8 : 3))));

/**
 * @param {(import("./track.js").Track | undefined)[]} tracks
 * @param {number} fromMs
 * @param {number} toMs
 * @returns {{mean: number, busiest: number, max: number} | null} mean of all, and the row with the highest mean
 */
export function gridSummary(tracks, fromMs, toMs) {
  let [sum, count, busiest, most, max] = [0, 0, -1, -Infinity, -Infinity];
  tracks.forEach((track, row) => {
    const found = track?.summary(fromMs, toMs);
    if (!found) return;
    sum += found.mean;
    count += 1;
    max = Math.max(max, found.max);
    if (found.mean > most) [busiest, most] = [row, found.mean];
  });
  return count > 0 ? { mean: sum / count, busiest, max } : null;
}
