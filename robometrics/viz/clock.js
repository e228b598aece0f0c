/** The server's time: hosts and server agree on it, a viewer's laptop may not. */

/** The Date header has whole seconds, and the answer took its time; time must not hop. */
const SKEW_IGNORED_MS = 3_000;

let skewMs = 0;

/** Milliseconds since the Unix epoch, as the server sees it. */
export const nowMs = () => Date.now() + skewMs;

/** @param {string | null} dateHeader of an answer that just arrived */
export function learnServerDate(dateHeader) {
  const measuredMs = Date.parse(dateHeader ?? "") - Date.now();
  if (Math.abs(measuredMs - skewMs) > SKEW_IGNORED_MS) skewMs = measuredMs;
}
