/** The code of the views: each is loaded when it is first shown, the others a little later. */

import { signal } from "@preact/signals";

const RETRY_MS = 2_000;

/** @type {Record<import("../route.js").View, () => Promise<import("preact").ComponentType<any>>>} */
const SOURCES = {
  fleet: async () => (await import("./fleet.js")).Fleet,
  host: async () => (await import("./host.js")).HostView,
  process: async () => (await import("./process.js")).ProcessView,
  explore: async () => (await import("./explore.js")).Explore,
};

/** Those that came. @type {import("@preact/signals").Signal<Partial<Record<import("../route.js").View, import("preact").ComponentType<any>>>>} */
const views = signal({});

/** @type {Set<import("../route.js").View>} */
const asked = new Set();

/**
 * Follows what came: who calls it while rendering is rendered again.
 * @param {import("../route.js").View} name
 */
export function viewOf(name) {
  load(name);
  return views.value[name] ?? null;
}

/** Load all, so that a server which goes away takes none with it. */
export function loadAll() {
  for (const name of /** @type {import("../route.js").View[]} */ (Object.keys(SOURCES))) load(name);
}

/** @param {import("../route.js").View} name */
async function load(name) {
  if (asked.has(name)) return;
  asked.add(name);
  try {
    const view = await SOURCES[name]();
    views.value = { ...views.peek(), [name]: view };
  } catch {
    setTimeout(() => {
      asked.delete(name);
      load(name);
    }, RETRY_MS);
  }
}
