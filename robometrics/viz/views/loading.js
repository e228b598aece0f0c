/**
 * The views, each loaded when it is first looked at, the others when there is time for it:
 * the first chart waits for nothing that it is not made of, and who goes on needs no server.
 */

import { signal } from "@preact/signals";
import { route } from "../state.js";

/** What could not be loaded is asked for again, in case a server is away. */
const RETRY_MS = 2_000;

/** @typedef {import("preact").FunctionComponent<any>} View */

/** @type {Record<import("../route.js").Route["view"], () => Promise<View>>} */
const LOADERS = {
  fleet: async () => (await import("./fleet.js")).Fleet,
  host: async () => (await import("./host.js")).HostView,
  process: async () => (await import("./process.js")).ProcessView,
  explore: async () => (await import("./explore.js")).Explore,
};

/** @type {import("@preact/signals").Signal<Partial<Record<string, View>>>} */
const loaded = signal({});

/** @type {Set<string>} */
const asked = new Set();

/** @param {keyof typeof LOADERS} name */
async function load(name) {
  if (asked.has(name)) return;
  asked.add(name);
  try {
    const view = await LOADERS[name]();
    loaded.value = { ...loaded.peek(), [name]: view };
    requestIdleCallback(loadNext);
  } catch {
    setTimeout(() => {
      asked.delete(name);
      load(name);
    }, RETRY_MS);
  }
}

function loadNext() {
  const next = Object.keys(LOADERS).find((name) => !asked.has(name));
  if (next) load(/** @type {keyof typeof LOADERS} */ (next));
}

/** @param {keyof typeof LOADERS} name @returns {View | null} null: it is still on its way */
export function viewOf(name) {
  const view = loaded.value[name];
  if (!view) load(name);
  return view ?? null;
}

// While the frame asks what there is, what will show it is on its way already.
load(route.peek().view);
