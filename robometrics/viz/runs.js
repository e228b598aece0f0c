/** Runs of one process: when each was, how it ended, what they are called. Pure. */

import { ending } from "./endings.js";
import { formatDuration, formatMoment } from "./units.js";

/** @typedef {import("./api.js").Run} Run */

/** Runs laid over each other: more lines nobody tells apart. */
export const COMPARED_MAX = 8;

/** @param {Run} run @returns {number} when it began, or was first seen */
export const beginMs = ({ started_ms, first_seen_ms }) => started_ms ?? first_seen_ms ?? NaN;

/** @param {Run} run @returns {number} from when on there are samples of it */
export const measuredFromMs = (run) => Math.max(beginMs(run), run.first_seen_ms ?? -Infinity);

/** @param {Run} run @param {number} nowMs @returns {number} its end, or its newest sample's */
export function endMs({ ended_ms, last_seen_ms }, nowMs) {
  return ended_ms ?? (last_seen_ms === null ? nowMs : Math.min(nowMs, last_seen_ms + 1000));
}

/** @param {Run} run @param {number} nowMs */
export const lastedMs = (run, nowMs) => Math.max(0, endMs(run, nowMs) - beginMs(run));

/** Not heard of for longer than this, a run that never ended is not called running. */
const SILENT_MS = 15_000;

/** @param {Run} run @param {number} nowMs @returns {"running" | "stale" | "exited"} */
export function stateOf({ end, last_seen_ms }, nowMs) {
  if (end !== null) return "exited";
  return last_seen_ms !== null && nowMs - last_seen_ms < SILENT_MS ? "running" : "stale";
}

/** @param {Run} run @returns {string} empty while it goes on */
export function endText({ end, exit_code }) {
  if (end === null) return "";
  if (end === "unregistered") return "unregistered";
  return exit_code === null ? "exited" : ending(exit_code);
}

/** @param {Run} run @param {boolean} isUtc */
export const runName = (run, isUtc) => `${formatMoment(beginMs(run), isUtc).slice(5)} · pid ${run.pid}`;

/** The same with its end, for a legend. @param {Run} run @param {number} nowMs @param {boolean} isUtc */
export const runLabel = (run, nowMs, isUtc) =>
  [runName(run, isUtc), formatDuration(lastedMs(run, nowMs)), endText(run)].filter(Boolean).join(" · ");

/**
 * Chosen or not any more; the oldest choice goes when there are too many.
 * @param {string[]} chosen
 * @param {string} run
 */
export const toggled = (chosen, run) =>
  chosen.includes(run)
    ? chosen.filter((each) => each !== run)
    : [...chosen, run].slice(-COMPARED_MAX);

/** What a run cost in all. @typedef {{cpuPercent: number | null, memoryPeakBytes: number | null}} Cost */

export const COST_METRICS = ["cpu_time_ns", "memory_rss_bytes"];

/**
 * @param {import("./api.js").GroupAnswer[]} groups one for each run, of COST_METRICS
 * @param {Run[]} runs
 * @param {number} nowMs
 * @returns {Map<string, Cost>}
 */
export function costsOf(groups, runs, nowMs) {
  const byRun = new Map(groups.map(({ labels, metrics }) => [labels.run, metrics]));
  return new Map(
    runs.map((run) => {
      const { cpu_time_ns: cpu, memory_rss_bytes: memory } = byRun.get(run.run) ?? {};
      // A counter stands for all CPU time since the start, also what nobody measured.
      const usedNs = cpu?.values.findLast((value) => value !== null) ?? null;
      const lasted = lastedMs(run, nowMs);
      const peaks = (memory?.max ?? memory?.values ?? []).filter((value) => value !== null);
      return [
        run.run,
        {
          cpuPercent: usedNs === null || lasted === 0 ? null : usedNs / 1e4 / lasted,
          memoryPeakBytes: peaks.length === 0 ? null : Math.max(.../** @type {number[]} */ (peaks)),
        },
      ];
    }),
  );
}
