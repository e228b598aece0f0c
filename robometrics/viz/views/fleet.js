/** The landing page: a row for each host, how it is, and what it does. */

import { computed } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { nowMs } from "../clock.js";
import { html } from "../dom.js";
import { measuresOf, shedOf } from "../fleetlive.js";
import { UNKNOWN, byHost, chosen, orderFrom, ordered, rowOf, summaryOf } from "../fleetrows.js";
import { ownOf, withOwn } from "../route.js";
import { go, gpus, hosts, inSight, processes, route, session, tick } from "../state.js";
import { topicsOf, watchedTopicsOf } from "../survey.js";
import { startSurvey, survey, surveyedMs } from "../surveying.js";
import { HOSTS_MAX } from "../wanted.js";
import { Empty } from "./empty.js";
import { FleetHead } from "./fleethead.js";
import { FleetTable } from "./fleettable.js";

/** A row that is about to be clicked should not leap; nor should any, each second. */
const ORDER_SECONDS = 5;

/** Scrolling past rows asks for nothing. */
const SETTLE_MS = 150;

const processesByHost = computed(() => byHost(processes.value));
const gpusByHost = computed(() => byHost(gpus.value));

/** @type {import("../api.js").Process[]} */
const NO_PROCESSES = [];
/** @type {import("../api.js").Gpu[]} */
const NO_GPUS = [];

export function Fleet() {
  const all = hosts.value ?? [];
  const isLarge = all.length > HOSTS_MAX;
  // What is surveyed changes now and then, what is watched each second.
  const rows = useMemo(
    () => rowsOf(all, isLarge ? surveyedOf : measuresOf),
    [hosts.value, processes.value, gpus.value, isLarge ? survey.value : tick.value],
  );

  const [filter = ""] = ownOf(route.value, "filter");
  const states = ownOf(route.value, "state");
  const order = orderFrom(ownOf(route.value, "sort")[0]);
  const { range } = route.value;
  const topics = isLarge ? topicsOf(order.key, gpus.value.length > 0) : watchedTopicsOf(range);
  useEffect(() => startSurvey(topics), [topics.join(), JSON.stringify(range)]);
  const isPointed = useRef(false);
  const shown = useCalmOrder(chosen(rows, filter, states), order, isPointed);
  return html`
    <section class="fleet" aria-label="Hosts">
      <${FleetHead} summary=${summaryOf(rows)} count=${all.length} order=${order} filter=${filter} states=${states} />
      <${FleetTable} rows=${shown} order=${order} isPointed=${isPointed} onSight=${isLarge ? noteSight : null}
        has=${{ gpus: gpus.value.length > 0, temperature: isLarge || rows.some(({ measures }) => measures.temperature !== null) }} />
      ${shown.length === 0 &&
      html`<p class="nothing">No host is like that.
        <button type="button" onClick=${() => go(withOwn(withOwn(route.value, "filter", []), "state", []), { replace: true })}>Show all</button></p>`}
      ${processes.value.length === 0 && html`<${Empty} hasHosts=${true} />`}
    </section>
  `;
}

/**
 * @param {import("../api.js").Host[]} all
 * @param {(host: import("../api.js").Host, gpus: import("../api.js").Gpu[]) => import("../fleetrows.js").Measures} measured
 */
const rowsOf = (all, measured) =>
  all.map((host) => {
    const mine = gpusByHost.value.get(host.host) ?? NO_GPUS;
    return rowOf(host, processesByHost.value.get(host.host) ?? NO_PROCESSES, mine, measured(host, mine), nowMs());
  });

/** @param {import("../api.js").Host} host @returns {import("../fleetrows.js").Measures} */
function surveyedOf(host) {
  if (host.state !== "live") return UNKNOWN;
  return { ...(survey.value.get(host.host) ?? UNKNOWN), shed: shedOf(host.host) };
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let settling;

/** @param {string[]} names of the hosts in sight */
function noteSight(names) {
  clearTimeout(settling);
  settling = setTimeout(() => {
    if (names.join("\n") !== inSight.value.join("\n")) inSight.value = names;
  }, SETTLE_MS);
}

/**
 * In order; values may change it only now and then, and not while rows are pointed at.
 * @param {import("../fleetrows.js").Row[]} rows
 * @param {import("../fleetrows.js").Order} order
 * @param {{current: boolean}} isPointed
 */
function useCalmOrder(rows, order, isPointed) {
  const held = useRef({ key: "", tick: 0, at: new Map() });
  const isKnown = session.value?.isLoaded ?? false;
  const key = JSON.stringify([order, route.value.own, rows.length, isKnown, surveyedMs.value]);
  const isDue = tick.value - held.current.tick >= ORDER_SECONDS && !isPointed.current;
  if (held.current.key !== key || isDue) {
    const at = new Map(ordered(rows, order).map(({ host }, i) => [host.host, i]));
    held.current = { key, tick: tick.value, at };
  }
  const place = (/** @type {import("../fleetrows.js").Row} */ { host }) => held.current.at.get(host.host) ?? rows.length;
  return rows.toSorted((a, b) => place(a) - place(b));
}
