/** The page's state as signals. Samples are not here: they are drawn, not rendered. */

import { batch, computed, signal } from "@preact/signals";
import { stepOf } from "./grid.js";
import { boundsOf, isLive } from "./range.js";
import { queryOf, routeFrom } from "./route.js";

/** What is shown; the address says the same. @type {import("@preact/signals").Signal<import("./route.js").Route>} */
export const route = signal(routeFrom(location.search));

/** null until the server first answered. @type {import("@preact/signals").Signal<import("./api.js").Host[] | null>} */
export const hosts = signal(null);

/** Running first. @type {import("@preact/signals").Signal<import("./api.js").Process[]>} */
export const processes = signal([]);

/** @type {import("@preact/signals").Signal<import("./api.js").Gpu[]>} */
export const gpus = signal([]);

/** null until it came. @type {import("@preact/signals").Signal<import("./catalogue.js").Catalogue | null>} */
export const catalogue = signal(null);

/** Hosts whose rows are in sight, where there are too many to ask for all. @type {import("@preact/signals").Signal<string[]>} */
export const inSight = signal([]);

/** What charts are drawn from; null before there is something to draw. @type {import("@preact/signals").Signal<import("./session.js").Session | null>} */
export const session = signal(null);

/** Where time stands still, ms since the Unix epoch; null: it does not. @type {import("@preact/signals").Signal<number | null>} */
export const pausedMs = signal(null);

/** Counts seconds: what shows latest values or ages follows it. */
export const tick = signal(0);

/** Whether the websocket is up; null before the first attempt ended. @type {import("@preact/signals").Signal<boolean | null>} */
export const isSocketLive = signal(null);

/** Why the server did not answer; empty if it did. */
export const fleetError = signal("");

/** What the server said it cannot do. */
export const socketError = signal("");

/** Why there is no history. */
export const queryError = signal("");

/** Where samples wait; null while nobody tells. @type {import("@preact/signals").Signal<import("./pipeline.js").Pipeline | null>} */
export const pipeline = signal(null);

/** Who is logged in; null before the server said it. @type {import("@preact/signals").Signal<import("./api.js").Me | null>} */
export const me = signal(null);

/** Newest sample of what is shown, ms since the Unix epoch. */
export const dataUpToMs = signal(-Infinity);

export const connection = computed(() => {
  if (fleetError.value || isSocketLive.value === false) return "reconnecting";
  return isSocketLive.value ? "live" : "connecting";
});

export const range = computed(() => route.value.range);

/**
 * What a chart shows now: a paused one stays where it was.
 * @param {number} nowMs
 */
export function shownBounds(nowMs) {
  const isPaused = isLive(route.value.range) && pausedMs.value !== null;
  return boundsOf(route.value.range, isPaused ? /** @type {number} */ (pausedMs.value) : nowMs);
}

/** Length of the steps that charts are cut into now, in ms. */
export const shownStepMs = () => session.value?.stepMs ?? stepOf(route.value.range);

/**
 * Show something else; the way back is the browser's.
 * @param {import("./route.js").Route} next
 * @param {{replace?: boolean}} [how] replace: no way back, as for sorting a table
 */
export function go(next, { replace = false } = {}) {
  batch(() => {
    route.value = next;
    // Sorting a table is no reason to let time go on.
    if (!replace) pausedMs.value = null;
  });
  const query = queryOf(next);
  if (query === location.search) return;
  if (replace) history.replaceState(null, "", query);
  else history.pushState(null, "", query);
}

/** @param {import("./range.js").Range} next */
export const setRange = (next) => go({ ...route.value, range: next });

/** The browser went back or forth. */
export function readAddress() {
  batch(() => {
    route.value = routeFrom(location.search);
    pausedMs.value = null;
  });
}

const STATE_ORDER = ["running", "stale", "exited"];

/** @param {{hosts: import("./api.js").Host[], processes: import("./api.js").Process[], gpus: import("./api.js").Gpu[]}} fleet */
export function setFleet(fleet) {
  const byName = new Intl.Collator(undefined, { numeric: true }).compare;
  batch(() => {
    fleetError.value = "";
    hosts.value = fleet.hosts.toSorted((a, b) => byName(a.host, b.host));
    gpus.value = fleet.gpus;
    processes.value = fleet.processes.toSorted(
      (a, b) =>
        byName(a.host, b.host) ||
        STATE_ORDER.indexOf(a.state) - STATE_ORDER.indexOf(b.state) ||
        byName(a.process, b.process),
    );
  });
}
