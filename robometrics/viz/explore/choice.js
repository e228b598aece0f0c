/** What is explored, as the address says it in the words of `/api/v1/query`. Pure. */

import { formatSpan, parseSpan } from "../range.js";
import { ownOf, withOwn } from "../route.js";

/** @typedef {"host" | "process" | "gpu"} Kind */
/** @typedef {"sum" | "mean" | "min" | "max"} Aggregate */
/** @typedef {"mean" | "max" | "last"} TopBy */

/**
 * @typedef {object} Choice
 * @property {string[]} metrics names, or `name:instance`
 * @property {string[]} hosts names or patterns; none: all
 * @property {string[]} processes the same; none of these, of GPUs and of tags: the hosts themselves
 * @property {string[]} gpus indexes, or `*`
 * @property {string[]} tags `key=value`: processes that have them all
 * @property {string[]} groupBy labels: series alike in these become one; none: each by itself
 * @property {Aggregate} aggregate what the series of a group become
 * @property {number | null} top only so many series, those with the most
 * @property {TopBy} topBy
 * @property {number[]} quantiles of each step, beside its mean
 * @property {number | null} compareMs the same so much earlier, beside it
 */

export const AGGREGATES = /** @type {Aggregate[]} */ (["sum", "mean", "min", "max"]);
export const TOPS = /** @type {TopBy[]} */ (["mean", "max", "last"]);

/** The server's limits. */
const TOP_MAX = 100;
const METRICS_MAX = 32;
const NAMES_MAX = 100;
const QUANTILES_MAX = 8;

/** @type {Choice} */
export const NOTHING = {
  metrics: [],
  hosts: [],
  processes: [],
  gpus: [],
  tags: [],
  groupBy: [],
  aggregate: "sum",
  top: null,
  topBy: "mean",
  quantiles: [],
  compareMs: null,
};

/** @param {import("../route.js").Route} route @returns {Choice} what makes no sense is left out */
export function choiceOf(route) {
  /** @param {string} name */
  const one = (name) => ownOf(route, name)[0] ?? "";
  /** @param {string} name @param {number} [max] */
  const some = (name, max = NAMES_MAX) => [...new Set(ownOf(route, name).filter(Boolean))].slice(0, max);
  const top = Math.trunc(Number(one("top")));
  const compareMs = parseSpan(one("compare"));
  return {
    metrics: some("metric", METRICS_MAX),
    hosts: some("host"),
    processes: some("process"),
    gpus: some("gpu").filter((gpu) => /^(\*|\d+)$/.test(gpu)),
    tags: some("tag", 16).filter((tag) => tag.indexOf("=") > 0),
    groupBy: some("group_by", 8),
    aggregate: AGGREGATES.find((each) => each === one("aggregate")) ?? NOTHING.aggregate,
    top: top >= 1 ? Math.min(TOP_MAX, top) : null,
    topBy: TOPS.find((each) => each === one("top_by")) ?? NOTHING.topBy,
    quantiles: some("quantile", QUANTILES_MAX).map(Number).filter((q) => q >= 0 && q <= 1),
    compareMs: compareMs > 0 ? compareMs : null,
  };
}

/**
 * @param {import("../route.js").Route} route
 * @param {Choice} choice
 * @returns {import("../route.js").Route} an exploration of it, at the same time
 */
export function exploring(route, choice) {
  /** @type {[string, string[]][]} */
  const own = [
    ["metric", choice.metrics],
    ["host", choice.hosts],
    ["process", choice.processes],
    ["gpu", choice.gpus],
    ["tag", choice.tags],
    ["group_by", choice.groupBy],
    ["aggregate", choice.aggregate === NOTHING.aggregate ? [] : [choice.aggregate]],
    ["top", choice.top === null ? [] : [String(choice.top)]],
    ["top_by", choice.topBy === NOTHING.topBy ? [] : [choice.topBy]],
    ["quantile", choice.quantiles.map(String)],
    ["compare", choice.compareMs === null ? [] : [formatSpan(choice.compareMs)]],
  ];
  /** @type {import("../route.js").Route} */
  const bare = { ...route, view: "explore", host: null, process: null, own: [] };
  return own.reduce((all, [name, values]) => withOwn(all, name, values), bare);
}

/** @param {Choice} choice @returns {Kind} what its series are of */
export function kindOf({ processes, gpus, tags }) {
  if (processes.length > 0 || tags.length > 0) return "process";
  return gpus.length > 0 ? "gpu" : "host";
}

/**
 * Whether the server has to work it out; else it is made of live samples.
 * @param {Choice} choice
 */
export const isPolled = ({ groupBy, top, quantiles }) =>
  groupBy.length > 0 || top !== null || quantiles.length > 0;
