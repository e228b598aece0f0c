/** The page's state as signals. Samples are not here: they are drawn, not rendered. */

import { batch, computed, signal } from "@preact/signals";
import { queryFromSelection, selectionByDefault, selectionFromQuery } from "./selection.js";

/** @typedef {import("./series.js").SeriesId} SeriesId */

/** null until the server first answered. @type {import("@preact/signals").Signal<import("./api.js").Host[] | null>} */
export const hosts = signal(null);

/** Running first. @type {import("@preact/signals").Signal<import("./api.js").Process[]>} */
export const processes = signal([]);

/** What is shown. @type {import("@preact/signals").Signal<SeriesId | null>} */
export const selection = signal(selectionFromQuery(location.search));

/** Newest values by series key. @type {import("@preact/signals").Signal<Map<string, {cpuPercent: number | null, memoryBytes: number | null}>>} */
export const latest = signal(new Map());

/** Whether the websocket is up; null before the first attempt ended. @type {import("@preact/signals").Signal<boolean | null>} */
export const isSocketLive = signal(null);

/** Why the server did not answer; empty if it did. */
export const fleetError = signal("");

/** What the server said it cannot do. */
export const socketError = signal("");

/** Where samples wait; null while nobody tells. @type {import("@preact/signals").Signal<import("./pipeline.js").Pipeline | null>} */
export const pipeline = signal(null);

/** Newest sample of what is shown, ms since the Unix epoch. */
export const dataUpToMs = signal(-Infinity);

export const connection = computed(() => {
  if (fleetError.value || isSocketLive.value === false) return "reconnecting";
  return isSocketLive.value ? "live" : "connecting";
});

/** Process of the selection, if the server knows it. */
export const selectedProcess = computed(() =>
  processes.value.find(
    ({ host, process }) =>
      host === selection.value?.host && process === selection.value.process,
  ),
);

export const selectedHost = computed(() =>
  hosts.value?.find(({ host }) => host === selection.value?.host),
);

/** @param {SeriesId} id */
export function select(id) {
  selection.value = id;
  history.replaceState(null, "", queryFromSelection(id));
}

const STATE_ORDER = ["running", "stale", "exited"];

/** @param {{hosts: import("./api.js").Host[], processes: import("./api.js").Process[]}} fleet */
export function setFleet(fleet) {
  const byName = new Intl.Collator(undefined, { numeric: true }).compare;
  batch(() => {
    fleetError.value = "";
    hosts.value = fleet.hosts.toSorted((a, b) => byName(a.host, b.host));
    processes.value = fleet.processes.toSorted(
      (a, b) =>
        byName(a.host, b.host) ||
        STATE_ORDER.indexOf(a.state) - STATE_ORDER.indexOf(b.state) ||
        byName(a.process, b.process),
    );
    if (!selection.value) {
      const first = selectionByDefault(hosts.value, processes.value);
      if (first) select(first);
    }
  });
}
