/** Numbers of a host's row: the newest ones, and of a silent host the last ones. */

import { nowMs } from "./clock.js";
import { BUSY_PERCENT, UNKNOWN } from "./fleetrows.js";
import { latestOf } from "./latest.js";
import { isLive } from "./range.js";
import { gpuId, hostId } from "./series.js";
import { route, session, shownBounds } from "./state.js";
import { survey } from "./surveying.js";

/**
 * What a row shows: of a live host what is so now, of a stale one what was so last.
 * @param {import("./api.js").Host} host
 * @param {import("./series.js").SeriesId} id
 * @param {string} metric
 * @returns {number | null}
 */
export function shownOf({ state }, id, metric) {
  if (state === "offline") return null;
  const latest = latestOf(id, metric);
  return state === "live" ? latest : (session.value?.track(id, metric)?.last?.value ?? null);
}

/**
 * Its hottest sensor, in °C; of a fixed range that is asked for.
 * @param {import("./api.js").Host} host
 * @returns {number | null}
 */
export function hottestOf(host) {
  if (isLive(route.value.range)) return shownOf(host, hostId(host.host), "temperature_celsius:*");
  return host.state === "offline" ? null : (survey.value.get(host.host)?.temperature ?? null);
}

/**
 * What a watched host is sorted and judged by. Follows the page's second.
 * @param {import("./api.js").Host} host
 * @param {import("./api.js").Gpu[]} gpus its own
 * @returns {import("./fleetrows.js").Measures}
 */
export function measuresOf(host, gpus) {
  if (host.state !== "live") return UNKNOWN;
  const id = hostId(host.host);
  const used = gpus.map(({ gpu }) => latestOf(gpuId(host.host, gpu), "gpu_utilization_percent"));
  const known = used.filter((percent) => percent !== null);
  const memory = share(latestOf(id, "memory_used_bytes"), latestOf(id, "memory_total_bytes"));
  return {
    cpu: share(latestOf(id, "cpu_percent"), latestOf(id, "cpu_count")),
    memory: memory === null ? null : 100 * memory,
    gpu: known.length > 0 ? Math.max(...known) : null,
    gpusBusy: known.filter((percent) => percent >= BUSY_PERCENT).length,
    temperature: hottestOf(host),
    shed: shedOf(host.host),
  };
}

/** @param {number | null} part @param {number | null} whole */
export const share = (part, whole) => (part === null || !whole ? null : part / whole);

/** @param {string} host @returns {number} batches its worker gave up in the range shown */
export function shedOf(host) {
  const { fromMs, toMs } = shownBounds(nowMs());
  const track = session.value?.track(hostId(host), "worker_batches_shed_total");
  const seen = track?.summary(fromMs, toMs);
  return seen ? Math.round(seen.max - seen.min) : 0;
}
