/** What is shown, as the address says it: a link shows others the same. Pure. */

import { rangeFrom, rangeParameters } from "./range.js";

/** @typedef {"fleet" | "host" | "process" | "explore"} View */

/**
 * @typedef {object} Route
 * @property {View} view
 * @property {string | null} host
 * @property {string | null} process
 * @property {import("./range.js").Range} range
 * @property {boolean} isUtc
 * @property {boolean} isKiosk charts alone, for a screen on a wall
 * @property {[string, string][]} own what the view itself remembers: sorting, filter, choice
 */

const SHARED = new Set(["view", "host", "process", "from", "to", "zone", "kiosk"]);

/** @param {string} query as in `location.search` @returns {Route} */
export function routeFrom(query) {
  const parameters = new URLSearchParams(query);
  const host = parameters.get("host") || null;
  const process = (host && parameters.get("process")) || null;
  const isExplore = parameters.get("view") === "explore";
  return {
    view: isExplore ? "explore" : process ? "process" : host ? "host" : "fleet",
    host: isExplore ? null : host,
    process: isExplore ? null : process,
    range: rangeFrom(parameters),
    isUtc: parameters.get("zone") === "utc",
    isKiosk: parameters.has("kiosk"),
    own: [...parameters].filter(([name]) => isExplore ? !isFrame(name) : !SHARED.has(name)),
  };
}

/** In an exploration host and process are its own choice. @param {string} name */
const isFrame = (name) => SHARED.has(name) && name !== "host" && name !== "process";

/** @param {Route} route @returns {string} a query, with its `?` */
export function queryOf(route) {
  const parameters = new URLSearchParams();
  if (route.view === "explore") parameters.append("view", "explore");
  if (route.host !== null) parameters.append("host", route.host);
  if (route.process !== null) parameters.append("process", route.process);
  for (const [name, value] of rangeParameters(route.range)) parameters.append(name, value);
  if (route.isUtc) parameters.append("zone", "utc");
  if (route.isKiosk) parameters.append("kiosk", "1");
  for (const [name, value] of route.own) parameters.append(name, value);
  return `?${parameters}`;
}

/**
 * @param {Route} route
 * @param {string} name
 * @returns {string[]} what the view remembers under *name*
 */
export const ownOf = (route, name) =>
  route.own.filter(([each]) => each === name).map(([, value]) => value);

/**
 * @param {Route} route
 * @param {string} name
 * @param {string[]} values none: forget it
 * @returns {Route}
 */
export function withOwn(route, name, values) {
  const kept = route.own.filter(([each]) => each !== name);
  return { ...route, own: [...kept, ...values.map((value) => /** @type {[string, string]} */ ([name, value]))] };
}

/**
 * Another view of the same time: what the old one remembered stays behind.
 * @param {Route} route
 * @param {View} view
 * @param {string | null} [host]
 * @param {string | null} [process]
 * @returns {Route}
 */
export const goneTo = (route, view, host = null, process = null) => ({
  ...route,
  view,
  host,
  process,
  own: [],
});

/** What is shown, in words. @param {Route} route */
export function titleOf({ view, host, process }) {
  if (view === "explore") return "Explore";
  return [process, host].filter((name) => name !== null).join(" on ") || "Fleet";
}
