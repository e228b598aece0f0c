/** What a view asks the server for by itself, again and again while it is shown. */

import { useEffect, useState } from "preact/hooks";

/**
 * @template T
 * @typedef {{value: T | null, problem: string}} Polled value: null until the first answer
 */

/**
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} ask
 * @param {number} intervalMs
 * @param {unknown[]} inputs others than before: ask at once
 * @returns {Polled<T>}
 */
export function usePolled(ask, intervalMs, inputs) {
  const [polled, set] = useState(/** @type {Polled<T>} */ ({ value: null, problem: "" }));
  useEffect(() => {
    const stopping = new AbortController();
    let timer = 0;
    const repeat = async () => {
      try {
        if (!document.hidden) {
          const value = await ask(stopping.signal);
          if (!stopping.signal.aborted) set({ value, problem: "" });
        }
      } catch (error) {
        if (stopping.signal.aborted) return;
        const problem = error instanceof Error ? error.message : String(error);
        set(({ value }) => ({ value, problem }));
      }
      if (!stopping.signal.aborted) timer = setTimeout(repeat, intervalMs);
    };
    repeat();
    return () => {
      stopping.abort();
      clearTimeout(timer);
    };
  }, inputs);
  return polled;
}
