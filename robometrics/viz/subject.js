/** Which metrics the process in view has, asked for again every so often. */

import { signal } from "@preact/signals";
import { fetchContents } from "./api.js";

const INTERVAL_MS = 15_000;
const RETRY_MS = 5_000;

/** Instances of each stored metric; "" is the metric by its name alone. @typedef {Record<string, string[]>} Contents */

/** @typedef {{host: string, process: string, contents: Contents}} Subject */

/** null until the first answer. @type {import("@preact/signals").Signal<Subject | null>} */
export const subject = signal(null);

/**
 * @param {string} host
 * @param {string} process
 * @returns {() => void} ends it
 */
export function watchSubject(host, process) {
  const stopping = new AbortController();
  let timer = 0;

  async function ask() {
    let waitMs = INTERVAL_MS;
    try {
      if (!document.hidden) set({ host, process, contents: await fetchContents(host, process, stopping.signal) });
    } catch {
      if (stopping.signal.aborted) return;
      // Charts that every process has are shown; the state of the connection says why.
      if (subject.value === null) set({ host, process, contents: {} });
      waitMs = RETRY_MS;
    }
    timer = setTimeout(ask, waitMs);
  }

  subject.value = null;
  ask();
  return () => {
    stopping.abort();
    clearTimeout(timer);
  };
}

/** Only if it differs: what follows it asks for history anew. @param {Subject} next */
function set(next) {
  if (JSON.stringify(next) !== JSON.stringify(subject.value)) subject.value = next;
}
