/** The REST API, as far as the page asks it. */

import { learnServerDate } from "./clock.js";

const TIMEOUT_MS = 5_000;

/**
 * @typedef {object} Host
 * @property {string} host
 * @property {"live" | "stale" | "offline"} state
 * @property {number} last_seen_ms
 * @property {number} process_count
 */

/**
 * @typedef {object} Process
 * @property {string} host
 * @property {string} process
 * @property {"running" | "stale" | "exited"} state
 * @property {number} pid
 * @property {number | null} started_ms
 * @property {number} last_seen_ms
 * @property {string} command
 * @property {number | null} exit_code
 * @property {Record<string, string>} tags
 */

/** @param {string} path below the page, which may itself lie below a prefix */
const address = (path) => new URL(path, document.baseURI);

/** @param {string} path */
async function get(path) {
  const response = await fetch(address(path), { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
  learnServerDate(response.headers.get("date"));
  return response.json();
}

/** @returns {Promise<{hosts: Host[], processes: Process[]}>} */
export async function fetchFleet() {
  const [{ hosts }, { processes }] = await Promise.all([
    get("api/v1/hosts"),
    get("api/v1/processes"),
  ]);
  return { hosts, processes };
}

/** @returns {Promise<import("./pipeline.js").Pipeline>} */
export const fetchPipeline = () => get("api/v1/pipeline");

export function liveUrl() {
  const url = address("api/v1/live");
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}
