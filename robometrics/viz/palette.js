/** Colours that stay with a name, and that colour-blind eyes tell apart. Pure. */

/** How many colours a theme has, as `--series-0` and on; dashes tell apart what shares one. */
export const COLORS = 8;

/** Canvas dashes; the first is a whole line. @type {number[][]} */
export const DASHES = [[], [6, 4], [2, 3], [10, 3, 2, 3]];

/**
 * @typedef {object} Paint
 * @property {number} color number of the theme's colour
 * @property {number} dash index into DASHES
 */

/**
 * FNV-1a, so that a name has the same colour on every page and after every start.
 * @param {string} name
 */
export function hash(name) {
  let found = 0x811c9dc5;
  for (let i = 0; i < name.length; i += 1) {
    found = Math.imul(found ^ name.charCodeAt(i), 0x01000193);
  }
  return found >>> 0;
}

/**
 * Each name has its own colour and dash while there are enough; a taken one moves on.
 * @param {string[]} names
 * @returns {Map<string, Paint>}
 */
export function paints(names) {
  const found = new Map();
  const taken = new Set();
  const all = COLORS * DASHES.length;
  for (const name of [...names].sort()) {
    // First all colours with whole lines, then dashed ones: few lines are all whole.
    let at = hash(name) % COLORS;
    for (let tries = 0; taken.has(at) && tries < all; tries += 1) {
      const isLapped = (tries + 1) % COLORS === 0;
      const color = (at + 1) % COLORS;
      const dash = (Math.floor(at / COLORS) + (isLapped ? 1 : 0)) % DASHES.length;
      at = dash * COLORS + color;
    }
    taken.add(at);
    found.set(name, { color: at % COLORS, dash: Math.floor(at / COLORS) });
  }
  return found;
}
