/** The REST API, as far as the page asks it. */

import { literal } from "./asking.js";
import { learnServerDate } from "./clock.js";

const TIMEOUT_MS = 5_000;
const QUERY_TIMEOUT_MS = 35_000;
const UNAUTHORIZED = 401;
const NOT_FOUND = 404;

/**
 * @typedef {object} Host
 * @property {string} host
 * @property {"live" | "stale" | "offline"} state
 * @property {number} first_seen_ms
 * @property {number} last_seen_ms
 * @property {number} process_count
 * @property {number | null} outbox_messages
 * @property {number | null} clock_offset_ms
 */

/**
 * @typedef {object} Process
 * @property {string} host
 * @property {string} process
 * @property {"running" | "stale" | "exited"} state
 * @property {string} run
 * @property {number} pid
 * @property {number | null} started_ms
 * @property {number} first_seen_ms
 * @property {number} last_seen_ms
 * @property {string} command
 * @property {number | null} exit_code
 * @property {Record<string, string>} tags
 * @property {string | null} [parent]
 */

/**
 * @typedef {object} Gpu
 * @property {string} host
 * @property {number} gpu
 * @property {"live" | "stale"} state
 * @property {string} uuid
 * @property {string} model
 */

/**
 * @typedef {object} Run
 * @property {string} host
 * @property {string} process
 * @property {string} run
 * @property {number} pid
 * @property {number | null} started_ms
 * @property {number | null} first_seen_ms
 * @property {number | null} last_seen_ms
 * @property {number | null} ended_ms
 * @property {string | null} end
 * @property {number | null} exit_code
 * @property {string} command
 * @property {Record<string, string>} tags
 */

/**
 * @typedef {object} Gap
 * @property {number} from_ms
 * @property {number} to_ms
 * @property {string} cause
 * @property {string} text
 * @property {string | null} process
 * @property {string | null} [run]
 * @property {number | null} [missing] batches
 * @property {number | null} [missing_samples] of batches that are there
 */

/**
 * @typedef {object} Happening something that happened, as `GET /api/v1/events` has it
 * @property {string} id
 * @property {number} at_ms of a gap, its end
 * @property {string} host
 * @property {string} event
 * @property {string} text
 * @property {string | null} process null: the whole host
 * @property {string | null} run
 * @property {number | null} pid
 * @property {number | null} exit_code
 * @property {string | null} cause of a gap, for programs
 * @property {number | null} from_ms
 * @property {number | null} to_ms
 * @property {number | null} missing
 * @property {number | null} missing_samples
 */

/**
 * @typedef {object} Burst a recording that goes on
 * @property {string} run
 * @property {number} interval_ns
 * @property {number} from_ms
 * @property {number} until_ms
 */

/**
 * @typedef {object} MetricAnswer
 * @property {string} unit
 * @property {(number | null)[]} values
 * @property {(number | null)[]} [min]
 * @property {(number | null)[]} [max]
 * @property {Record<string, (number | null)[]>} [quantiles] by name, as `p95`
 */

/**
 * @typedef {object} SeriesAnswer
 * @property {string} host
 * @property {string | null} process
 * @property {number | null} gpu
 * @property {string} resolution
 * @property {number} step_ms
 * @property {number[]} time_ms
 * @property {Record<string, MetricAnswer>} metrics
 * @property {Gap[]} gaps
 */

/**
 * @typedef {object} GroupAnswer
 * @property {Record<string, string>} labels
 * @property {number} series
 * @property {string} resolution
 * @property {number} step_ms
 * @property {number[]} time_ms
 * @property {Record<string, MetricAnswer>} metrics
 */

/**
 * @typedef {object} Me who is logged in
 * @property {string} name of a token
 * @property {"read" | "control" | "admin"} scope
 * @property {"required" | "off"} login
 */

/** @typedef {{from_ms: number, to_ms: number, series: SeriesAnswer[], groups?: GroupAnswer[]}} Answer */

/** The server refused, or did not answer; the message is for people. */
export class ApiError extends Error {
  /** @param {string} message @param {number} status 0: no answer */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** @param {string} path below the page, which may itself lie below a prefix */
export const address = (path) => new URL(path, document.baseURI);

/**
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @param {number} [timeoutMs]
 */
async function get(path, signal, timeoutMs = TIMEOUT_MS) {
  const signals = [AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])];
  return answerOf(await fetch(address(path), { signal: AbortSignal.any(signals) }));
}

/** @param {string} path @param {object} body */
async function post(path, body) {
  return answerOf(
    await fetch(address(path), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }),
  );
}

/** @param {Response} response */
async function answerOf(response) {
  if (response.status === UNAUTHORIZED) toLogin();
  if (!response.ok) throw new ApiError(await reasonOf(response), response.status);
  learnServerDate(response.headers.get("date"));
  return response.json();
}

/** Where one logs in; from there one comes back to what is seen now. */
const toLogin = () => location.assign(address(`login${location.search}`));

/** @param {Response} response what a problem says, else its status */
async function reasonOf(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return `${response.status} ${response.statusText}`.trim();
  }
}

/** @returns {Promise<{hosts: Host[], processes: Process[], gpus: Gpu[]}>} */
export async function fetchFleet() {
  const [{ hosts }, { processes }, { gpus }] = await Promise.all([
    get("api/v1/hosts"),
    get("api/v1/processes"),
    get("api/v1/gpus"),
  ]);
  return { hosts, processes, gpus };
}

/** @returns {Promise<Me>} */
export const fetchMe = () => get("api/v1/me");

/** End the session of this browser. */
export async function logOut() {
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  await fetch(address("api/v1/logout"), { method: "POST", headers, body: "{}", signal });
  toLogin();
}

/** @returns {Promise<import("./pipeline.js").Pipeline>} */
export const fetchPipeline = () => get("api/v1/pipeline");

/** @returns {Promise<import("./catalogue.js").Metric[]>} */
export const fetchMetrics = async () => (await get("api/v1/metrics")).metrics;

/**
 * @param {string} host
 * @param {string} process
 * @param {number} limit
 * @returns {Promise<Run[]>} newest first
 */
export async function fetchRuns(host, process, limit) {
  const wanted = new URLSearchParams({ host, process, limit: String(limit) });
  return (await get(`api/v1/runs?${wanted}`)).runs;
}

/**
 * What a process has: instances by name of metric, "" for the metric by its name alone.
 * @param {string} host
 * @param {string} process
 * @param {AbortSignal} signal
 * @returns {Promise<import("./subject.js").Contents>}
 */
export async function fetchContents(host, process, signal) {
  const wanted = new URLSearchParams({ host: literal(host), process: literal(process) });
  return (await get(`api/v1/series?${wanted}`, signal)).series[0]?.metrics ?? {};
}

/**
 * What each of several series has.
 * @param {[string, string][]} names of them
 * @param {AbortSignal} signal
 * @returns {Promise<import("./explore/instances.js").Contents[]>}
 */
export async function fetchContentsOf(names, signal) {
  const { series } = await get(`api/v1/series?${new URLSearchParams(names)}`, signal);
  return series.map((/** @type {{metrics: import("./explore/instances.js").Contents}} */ { metrics }) => metrics);
}

/**
 * Which metrics a host or its GPUs have, with their instances.
 * @param {string} host
 * @param {number[]} gpus none: those of the host itself
 * @param {AbortSignal} signal
 * @returns {Promise<{gpu: number | null, metrics: Record<string, string[]>}[]>}
 */
export async function fetchSeries(host, gpus, signal) {
  const wanted = new URLSearchParams({ host: literal(host) });
  for (const gpu of gpus) wanted.append("gpu", String(gpu));
  return (await get(`api/v1/series?${wanted}`, signal)).series;
}

/**
 * @param {string} host
 * @param {string | null} process only what is about it, or about the whole host
 * @param {number} fromMs
 * @param {number} toMs
 * @param {number} limit
 * @param {AbortSignal} signal
 * @returns {Promise<{events: Happening[], more: boolean}>} newest first
 */
export const fetchEvents = (host, process, fromMs, toMs, limit, signal) => {
  const [from, to] = [fromMs, toMs].map((timeMs) => new Date(timeMs).toISOString());
  const wanted = new URLSearchParams({ host: literal(host), from, to, limit: String(limit) });
  if (process !== null) wanted.append("process", literal(process));
  return get(`api/v1/events?${wanted}`, signal);
};

/**
 * Sample a process fast for a while.
 * @param {string} host
 * @param {string} process
 * @param {number} hz
 * @param {number} seconds
 * @returns {Promise<Burst>}
 */
export const startBurst = (host, process, hz, seconds) =>
  post("api/v1/burst", { host, process, hz, seconds });

/**
 * Numbers over a range; nothing of what the server has never heard of.
 * @param {[string, string][]} parameters
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 */
export async function query(parameters, signal) {
  try {
    return await get(`api/v1/query?${new URLSearchParams(parameters)}`, signal, QUERY_TIMEOUT_MS);
  } catch (error) {
    if (error instanceof ApiError && error.status === NOT_FOUND) {
      return { from_ms: NaN, to_ms: NaN, series: [] };
    }
    throw error;
  }
}

/**
 * What a question in PromQL comes to, by host.
 * @param {string} question
 * @param {number} timeMs
 * @param {AbortSignal} signal
 * @returns {Promise<import("./survey.js").Answer[]>}
 */
export async function promql(question, timeMs, signal) {
  const asked = new URLSearchParams({ query: question, time: String(timeMs / 1000) });
  const { data } = await get(`prometheus/api/v1/query?${asked}`, signal, QUERY_TIMEOUT_MS);
  return data.result;
}

export function liveUrl() {
  const url = address("api/v1/live");
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}
