/** Which series of a fleet a choice is about, as the server matches them. Pure. */

import { gpuId, hostId, processId } from "../series.js";

/** More live series are not drawn at once: nobody tells them apart. */
export const SERIES_MAX = 100;

/** @typedef {import("../series.js").SeriesId} SeriesId */

/** A test of one letter; null: any number of letters. @typedef {((letter: string) => boolean) | null} Token */

/**
 * A pattern with `*`, `?` and `[a-z]` as a test of whole names.
 * @param {string} pattern
 * @returns {(name: string) => boolean}
 */
export function matcher(pattern) {
  const parts = pattern.match(/\[!?\]?[^\]]*\]|[^]/gu) ?? [];
  const tokens = parts.map(tokenOf);
  return (name) => matches(tokens, [...name]);
}

/** @param {string} part @returns {Token} */
function tokenOf(part) {
  if (part === "*") return null;
  if (part === "?") return () => true;
  if (part.length < 3) return (letter) => letter === part;
  const isNot = part.startsWith("[!");
  const members = part.slice(isNot ? 2 : 1, -1).match(/[^]-[^]|[^]/gu) ?? [];
  /** @param {string} letter */
  const isMember = (letter) => members.some((each) => {
    const [first, , last = first] = [...each];
    return first <= letter && letter <= last;
  });
  return (letter) => isMember(letter) !== isNot;
}

/**
 * Only the last star is ever tried anew, so a name is read at most once for each token.
 * @param {Token[]} tokens
 * @param {string[]} letters
 */
function matches(tokens, letters) {
  let [at, star, from] = [0, -1, 0];
  for (let i = 0; i < letters.length; ) {
    const token = tokens[at];
    if (token === null) {
      [star, from] = [at, i];
      at += 1;
    } else if (token?.(letters[i])) {
      at += 1;
      i += 1;
    } else if (star >= 0) {
      at = star + 1;
      from += 1;
      i = from;
    } else return false;
  }
  return tokens.slice(at).every((token) => token === null);
}

/** @param {string[]} patterns none: every name @returns {(name: string) => boolean} */
function anyOf(patterns) {
  if (patterns.length === 0) return () => true;
  const tests = patterns.map(matcher);
  return (name) => tests.some((test) => test(name));
}

/**
 * @param {import("./choice.js").Choice} choice
 * @param {import("../api.js").Host[]} hosts
 * @param {import("../api.js").Process[]} processes
 * @param {import("../api.js").Gpu[]} gpus
 * @returns {SeriesId[]} all of them, by host and name
 */
export function matched(choice, hosts, processes, gpus) {
  const isHost = anyOf(choice.hosts);
  const tags = choice.tags.map((tag) => [tag.slice(0, tag.indexOf("=")), tag.slice(tag.indexOf("=") + 1)]);
  /** @type {SeriesId[]} */
  const found = [];
  if (choice.processes.length > 0 || tags.length > 0) {
    const isProcess = anyOf(choice.processes);
    const mine = processes.filter((each) => isHost(each.host) && isProcess(each.process));
    const tagged = mine.filter((each) => tags.every(([key, value]) => each.tags[key] === value));
    found.push(...tagged.map(({ host, process }) => processId(host, process)));
  }
  if (choice.gpus.length > 0) {
    const isGpu = (/** @type {number} */ gpu) => choice.gpus.includes("*") || choice.gpus.includes(String(gpu));
    const mine = gpus.filter((each) => isHost(each.host) && isGpu(each.gpu));
    found.push(...mine.map(({ host, gpu }) => gpuId(host, gpu)));
  }
  if (choice.processes.length + choice.gpus.length + tags.length === 0) {
    found.push(...hosts.filter(({ host }) => isHost(host)).map(({ host }) => hostId(host)));
  }
  return found;
}

/**
 * What to watch live of a choice.
 * @param {import("./choice.js").Choice} choice
 * @param {import("../api.js").Host[]} hosts
 * @param {import("../api.js").Process[]} processes
 * @param {import("../api.js").Gpu[]} gpus
 * @returns {import("../asking.js").Ask[]}
 */
export function asksOfChoice(choice, hosts, processes, gpus) {
  if (choice.metrics.length === 0) return [];
  const ids = matched(choice, hosts, processes, gpus).slice(0, SERIES_MAX);
  return ids.length > 0 ? [{ ids, metrics: choice.metrics }] : [];
}
