/** What is wrong with a host, in words. Pure. */

import { unitStyle } from "./units.js";

/** A worker flushes each second, and has so much on its way without being behind. */
export const HELD_MIN = 100;

/** Charts of two hosts side by side show a clock that is off by so much. */
export const CLOCK_OFFSET_MS_MIN = 1_000;

/** Processors slow down, or soon will. */
export const HOT_CELSIUS = 95;

/** The kernel is about to kill something. */
export const MEMORY_FULL_PERCENT = 95;

/** What ended badly is worth a word for so long. */
export const LATELY_MS = 3_600_000;

/** Ends that someone asked for, of a shell's code too: SIGINT, SIGTERM. */
const ASKED_FOR = new Set([0, -2, -15, 130, 143]);

/** @typedef {{isBad: boolean, of: "state" | "memory" | "gpus" | "temperature" | "processes" | "worker", text: string}} Worry */

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) =>
  `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

/**
 * @param {import("./api.js").Process} process
 * @param {number} nowMs
 */
export const endedBadly = ({ state, exit_code, last_seen_ms }, nowMs) =>
  state === "exited" &&
  exit_code !== null &&
  !ASKED_FOR.has(exit_code) &&
  nowMs - last_seen_ms < LATELY_MS;

/**
 * @param {Omit<import("./fleetrows.js").Row, "worries" | "text">} row
 * @returns {Worry[]} the worst first
 */
export function worriesOf({ host, processes, gpus, measures }) {
  // What an absent host said last is no news of it.
  if (host.state !== "live") {
    return [{ isBad: host.state === "offline", of: "state", text: host.state }];
  }
  const lost = gpus.filter(({ state }) => state !== "live");
  const { failed, silent } = processes;
  const found = [
    lost.length > 0 && bad("gpus", `${lost.map(({ gpu }) => `GPU ${gpu}`).join(", ")} silent`),
    failed > 0 && bad("processes", `${counted(failed, "process", "processes")} ended badly`),
    silent > 0 && warn("processes", `${counted(silent, "process", "processes")} silent`),
    measures.shed > 0 && bad("worker", `gave up ${counted(measures.shed, "batch", "batches")}`),
    ...workerWorries(host),
    (measures.memory ?? 0) >= MEMORY_FULL_PERCENT && warn("memory", "memory nearly full"),
    (measures.temperature ?? 0) >= HOT_CELSIUS && warn("temperature", unitStyle("celsius").format(measures.temperature)),
  ];
  return found.filter((each) => each !== false).sort((a, b) => Number(b.isBad) - Number(a.isBad));
}

/** @param {import("./api.js").Host} host @returns {(Worry | false)[]} */
function workerWorries({ outbox_messages, clock_offset_ms }) {
  const [held, offsetMs] = [outbox_messages ?? 0, clock_offset_ms ?? 0];
  const seconds = (Math.abs(offsetMs) / 1000).toFixed(1);
  const verb = held === 1 ? "waits" : "wait";
  return [
    held >= HELD_MIN && warn("worker", `${counted(held, "batch", "batches")} ${verb} to be sent`),
    Math.abs(offsetMs) >= CLOCK_OFFSET_MS_MIN &&
      warn("worker", `its clock is ${seconds} s ${offsetMs > 0 ? "ahead" : "behind"}`),
  ];
}

/** @param {Worry["of"]} of @param {string} text @returns {Worry} */
const bad = (of, text) => ({ isBad: true, of, text });

/** @param {Worry["of"]} of @param {string} text @returns {Worry} */
const warn = (of, text) => ({ isBad: false, of, text });

/** @param {Worry[]} worries @returns {number} how soon someone should look */
export const urgency = (worries) =>
  worries.reduce((sum, { isBad }) => sum + (isBad ? 100 : 1), 0);
