/** The rows of the fleet: what is known of each host, chosen and in order. Pure. */

import { counted, endedBadly, urgency, worriesOf } from "./worries.js";

/**
 * @typedef {object} Measures of one host, now; null: not known
 * @property {number | null} cpu percent of all its cores
 * @property {number | null} memory percent of all it has
 * @property {number | null} gpu percent, of the busiest GPU
 * @property {number | null} gpusBusy
 * @property {number | null} temperature the highest, in °C
 * @property {number} shed batches given up in the range shown
 */

/** @type {Measures} */
export const UNKNOWN = { cpu: null, memory: null, gpu: null, gpusBusy: null, temperature: null, shed: 0 };

/**
 * @typedef {object} Row
 * @property {import("./api.js").Host} host
 * @property {{running: number, total: number, failed: number, silent: number}} processes
 * @property {import("./api.js").Gpu[]} gpus
 * @property {Measures} measures
 * @property {import("./worries.js").Worry[]} worries
 * @property {string} text what a search looks at
 */

/** @typedef {"host" | "state" | "attention" | "cpu" | "memory" | "gpu" | "temperature" | "processes"} Key */

/** @typedef {{key: Key, isReversed: boolean}} Order */

/** A GPU that does less than this waits for work. */
export const BUSY_PERCENT = 5;

/** @template T @param {(T & {host: string})[]} all @returns {Map<string, T[]>} */
export function byHost(all) {
  /** @type {Map<string, T[]>} */
  const found = new Map();
  for (const each of all) {
    const mine = found.get(each.host);
    if (mine) mine.push(each);
    else found.set(each.host, [each]);
  }
  return found;
}

/**
 * @param {import("./api.js").Host} host
 * @param {import("./api.js").Process[]} processes its own
 * @param {import("./api.js").Gpu[]} gpus its own
 * @param {Measures} measures
 * @param {number} nowMs
 * @returns {Row}
 */
export function rowOf(host, processes, gpus, measures, nowMs) {
  const count = (/** @type {(each: import("./api.js").Process) => boolean} */ is) => processes.filter(is).length;
  const row = {
    host,
    processes: {
      running: count(({ state }) => state === "running"),
      total: processes.length,
      failed: count((each) => endedBadly(each, nowMs)),
      silent: count(({ state }) => state === "stale"),
    },
    gpus,
    measures,
    text: [host.host, ...gpus.map(({ model }) => model), ...processes.map(({ process }) => process)]
      .join("\n")
      .toLowerCase(),
  };
  return { ...row, worries: worriesOf(row) };
}

const STATES = ["live", "stale", "offline"];
const byName = new Intl.Collator(undefined, { numeric: true }).compare;

/** Greater comes first. @type {Record<Exclude<Key, "host">, (row: Row) => number | null>} */
const VALUES = {
  state: ({ host }) => -STATES.indexOf(host.state),
  attention: ({ worries }) => urgency(worries),
  cpu: ({ measures }) => measures.cpu,
  memory: ({ measures }) => measures.memory,
  gpu: ({ measures }) => measures.gpu,
  temperature: ({ measures }) => measures.temperature,
  processes: ({ processes }) => processes.running,
};

/** @param {string | undefined} text as in the address: `cpu`, or `-cpu` the other way round @returns {Order} */
export function orderFrom(text = "") {
  const isReversed = text.startsWith("-");
  const key = isReversed ? text.slice(1) : text;
  return Object.hasOwn(VALUES, key) ? { key: /** @type {Key} */ (key), isReversed } : { key: "host", isReversed: isReversed && key === "host" };
}

/** @param {Order} order @returns {string[]} nothing if it is the usual one */
export const orderText = ({ key, isReversed }) =>
  key === "host" && !isReversed ? [] : [`${isReversed ? "-" : ""}${key}`];

/**
 * @param {Row[]} rows
 * @param {Order} order
 * @returns {Row[]} what is not known last, whichever way round; equals by name
 */
export function ordered(rows, { key, isReversed }) {
  const sign = isReversed ? -1 : 1;
  if (key === "host") return rows.toSorted((a, b) => sign * byName(a.host.host, b.host.host));
  const values = new Map(rows.map((row) => [row, VALUES[key](row)]));
  return rows.toSorted((a, b) => {
    const [one, other] = [values.get(a) ?? null, values.get(b) ?? null];
    if (one === null || other === null) {
      return Number(one === null) - Number(other === null) || byName(a.host.host, b.host.host);
    }
    return sign * (other - one) || byName(a.host.host, b.host.host);
  });
}

/**
 * @param {Row[]} rows
 * @param {string} filter
 * @param {string[]} states none: all
 */
export function chosen(rows, filter, states) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter(
    ({ host, text }) =>
      (states.length === 0 || states.includes(host.state)) && words.every((word) => text.includes(word)),
  );
}

/**
 * @typedef {object} Summary
 * @property {Record<string, number>} states hosts by state
 * @property {number} attention live hosts that someone should look at, and absent ones
 * @property {string[]} words
 */

/** @param {Row[]} rows @returns {Summary} */
export function summaryOf(rows) {
  const sum = (/** @type {(row: Row) => number} */ of) => rows.reduce((all, row) => all + of(row), 0);
  const states = Object.fromEntries(STATES.map((state) => [state, sum(({ host }) => Number(host.state === state))]));
  const running = sum(({ host, processes }) => (host.state === "live" ? processes.running : 0));
  const failed = sum(({ processes }) => processes.failed);
  const gpus = sum(({ gpus: mine }) => mine.length);
  const busy = sum(({ measures }) => measures.gpusBusy ?? 0);
  const isCounted = rows.some(({ measures }) => measures.gpusBusy !== null);
  const words = [
    `${counted(running, "process", "processes")} running`,
    failed > 0 && `${failed.toLocaleString("en")} ended badly in the last hour`,
    gpus > 0 && (isCounted ? `${busy.toLocaleString("en")} of ${counted(gpus, "GPU")} busy` : counted(gpus, "GPU")),
  ];
  return {
    states,
    attention: sum(({ worries }) => Number(worries.length > 0)),
    words: words.filter((each) => each !== false),
  };
}
