/** Which metrics the shown host and its GPUs have, asked for again every so often. */

import { signal } from "@preact/signals";
import { fetchSeries } from "./api.js";

const INTERVAL_MS = 30_000;
const RETRY_MS = 5_000;

/**
 * @typedef {object} HostContents
 * @property {string} host
 * @property {import("./sections.js").Contents | null} own null: the server could not say
 * @property {Map<number, import("./sections.js").Contents>} gpus
 */

/** null until the first answer. @type {import("@preact/signals").Signal<HostContents | null>} */
export const contents = signal(null);

/**
 * @param {string} host
 * @param {() => number[]} gpus indexes of its GPUs
 * @returns {() => void} ends it
 */
export function watchContents(host, gpus) {
  const stopping = new AbortController();
  let timer = 0;

  async function ask() {
    let waitMs = INTERVAL_MS;
    try {
      const [own, of] = await Promise.all([
        fetchSeries(host, [], stopping.signal),
        gpus().length > 0 ? fetchSeries(host, gpus(), stopping.signal) : [],
      ]);
      set({
        host,
        own: own[0]?.metrics ?? null,
        gpus: new Map(of.map(({ gpu, metrics }) => [Number(gpu), metrics])),
      });
    } catch {
      if (stopping.signal.aborted) return;
      // Then charts that any host has are shown; the state of the connection says why.
      if (contents.value?.host !== host) set({ host, own: null, gpus: new Map() });
      waitMs = RETRY_MS;
    }
    timer = setTimeout(ask, waitMs);
  }

  ask();
  return () => {
    stopping.abort();
    clearTimeout(timer);
  };
}

/** Only if it differs: what follows it asks for history anew. @param {HostContents} next */
function set(next) {
  if (textOf(next) !== textOf(contents.value)) contents.value = next;
}

/** @param {HostContents | null} all */
const textOf = (all) => JSON.stringify(all && [all.host, all.own, [...all.gpus]]);
