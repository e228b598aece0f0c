/** Who is in the address, but not in the fleet: an old link, a slip, or it is yet to begin. Pure. */

/**
 * @param {import("./route.js").Route} route
 * @param {{host: string}[]} hosts
 * @param {{host: string, process: string}[]} processes
 * @returns {"host" | "process" | null} null: all in it is known
 */
export function unheardOf({ host, process }, hosts, processes) {
  if (host === null) return null;
  if (!hosts.some((each) => each.host === host)) return "host";
  if (process === null || processes.some((each) => each.host === host && each.process === process)) return null;
  return "process";
}
