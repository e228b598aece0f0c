/** Which host or process is shown, and how the address says so. Pure. */

/** @typedef {import("./series.js").SeriesId} SeriesId */

/**
 * @param {string} query as in `location.search`
 * @returns {SeriesId | null}
 */
export function selectionFromQuery(query) {
  const parameters = new URLSearchParams(query);
  const host = parameters.get("host");
  return host ? { host, process: parameters.get("process") || null } : null;
}

/** @param {SeriesId} selection */
export function queryFromSelection({ host, process }) {
  const tail = process === null ? "" : `&process=${encodeURIComponent(process)}`;
  return `?host=${encodeURIComponent(host)}${tail}`;
}

/**
 * What a first visit shows: the first running process, else a host, best a live one.
 * @param {{host: string, state: string}[]} hosts
 * @param {{host: string, process: string, state: string}[]} processes in listed order
 * @returns {SeriesId | null}
 */
export function selectionByDefault(hosts, processes) {
  const running = processes.find(({ state }) => state === "running");
  if (running) return { host: running.host, process: running.process };
  const host = hosts.find(({ state }) => state === "live") ?? hosts[0];
  return host ? { host: host.host, process: null } : null;
}
