/** Short names for what is shown together: what all have in common need not be repeated. Pure. */

/**
 * @param {string[]} names words joined by `_`
 * @returns {string[]} without the words that all begin and all end with
 */
export function shortNames(names) {
  if (names.length < 2) return names.map((name) => name.replaceAll("_", " "));
  const words = names.map((name) => name.split("_"));
  const shortest = Math.min(...words.map(({ length }) => length));
  const first = words[0];
  let head = 0;
  while (head < shortest - 1 && words.every((each) => each[head] === first[head])) head += 1;
  let tail = 0;
  const isSameEnd = (/** @type {string[]} */ each) => each.at(-1 - tail) === first.at(-1 - tail);
  while (tail < shortest - head - 1 && words.every(isSameEnd)) tail += 1;
  return words.map((each) => each.slice(head, each.length - tail).join(" "));
}
