/** One host: a menu of sections, the charts of each, its processes, and what happened. */

import { useEffect, useMemo } from "preact/hooks";
import { nowMs } from "../clock.js";
import { contents, watchContents } from "../contents.js";
import { html } from "../dom.js";
import { events, watchEvents } from "../eventfeed.js";
import { marksOf } from "../events.js";
import { latestOf } from "../latest.js";
import { go, catalogue, gpus, hosts, route } from "../state.js";
import { ownOf, withOwn } from "../route.js";
import { sectionsOf, shownOf } from "../sections.js";
import { hostId } from "../series.js";
import { formatBytes, formatClock, formatDuration } from "../units.js";
import { Badge } from "./badge.js";
import { EventList } from "./eventlist.js";
import { HeatPanel } from "./heat.js";
import { Meters } from "./meters.js";
import { Panel } from "./panel.js";
import { Processes } from "./processes.js";
import { SectionMenu } from "./sectionmenu.js";

/** @param {{host: string}} props */
export function HostView({ host }) {
  const indexes = gpus.value.filter((each) => each.host === host).map(({ gpu }) => gpu);
  const { range } = route.value;
  useEffect(
    () => watchContents(host, () => indexes),
    [host, indexes.join()],
  );
  useEffect(() => watchEvents(host, range), [host, JSON.stringify(range)]);
  return html`
    <article class="detail host" aria-label=${host}>
      <${Title} host=${host} />
      <${Sections} host=${host} />
    </article>
  `;
}

/** @param {{host: string}} props */
function Title({ host }) {
  const known = (hosts.value ?? []).find((each) => each.host === host);
  return html`
    <header class="title">
      <h2 title=${host}>${host}</h2>
      ${known && html`<${Badge} state=${known.state} />`}
      ${known && html`<p class="facts">${facts(host, known)}</p>`}
    </header>
  `;
}

/** @param {string} host @param {import("../api.js").Host} known */
function facts(host, known) {
  const id = hostId(host);
  const [cores, memory, uptime] = ["cpu_count", "memory_total_bytes", "uptime_ns"].map((metric) => latestOf(id, metric));
  const parts = [
    cores === null ? "" : `${cores} ${cores === 1 ? "core" : "cores"}`,
    memory === null ? "" : formatBytes(memory),
    ...gpus.value.filter((each) => each.host === host).map(({ model }) => model),
    `${known.process_count} ${known.process_count === 1 ? "process" : "processes"}`,
    known.state !== "live" || uptime === null ? "" : `up ${formatDuration(uptime / 1e6)}`,
    known.state === "live"
      ? ""
      : `last seen ${formatDuration(nowMs() - known.last_seen_ms)} ago, at ${formatClock(known.last_seen_ms, route.value.isUtc)}`,
  ];
  return parts.filter(Boolean).join(" · ");
}

/** @param {{host: string}} props */
function Sections({ host }) {
  const known = catalogue.value;
  const has = contents.value?.host === host ? contents.value : null;
  const mine = gpus.value.filter((each) => each.host === host).map(({ gpu, model }) => ({ gpu, model }));
  const [find = ""] = ownOf(route.value, "find");
  const open = ownOf(route.value, "more");
  // The fleet is told every few seconds, what follows from it is mostly the same.
  const all = useMemo(
    () => (known && has ? sectionsOf(host, has, mine, known) : []),
    [host, has, known, JSON.stringify(mine)],
  );
  const shown = useMemo(() => shownOf(all, open, find), [all, open.join(), find]);
  if (!known || !has) return null;
  return html`
    <div class="sections">
      <${SectionMenu} sections=${shown} find=${find} />
      ${shown.map((section) => html`<${Section} key=${section.id} host=${host} section=${section} />`)}
      ${shown.length === 0 && html`<p class="nothing">Nothing here is called “${find}”</p>`}
    </div>
  `;
}

/** @param {{host: string, section: import("../sections.js").ShownSection}} props */
function Section({ host, section: { id, title, panels, more, isOpen } }) {
  const marks = marksOf(events.value);
  const others = ownOf(route.value, "more").filter((each) => each !== id);
  const toggle = () =>
    go(withOwn(route.value, "more", isOpen ? others : [...others, id]), { replace: true });
  return html`
    <section class="section" id=${`section-${id}`} data-section=${id} aria-labelledby=${`heading-${id}`}>
      <header>
        <h3 id=${`heading-${id}`} tabindex="-1">${title}</h3>
        ${more.length > 0 &&
        html`<button type="button" aria-expanded=${String(isOpen)} onClick=${toggle}>
          ${isOpen ? "fewer" : `${more.length} more`}
        </button>`}
      </header>
      ${id === "processes" && html`<${Processes} host=${host} />`}
      ${id === "events" && html`<${EventList} host=${host} />`}
      ${panels.length > 0 &&
      html`<div class="panels">
        ${panels.map(({ kind = "lines", ...panel }) => {
          const view = kind === "heat" ? HeatPanel : kind === "meters" ? Meters : Panel;
          return html`<${view} key=${panel.name} ...${panel} subject=${host} marks=${marks} />`;
        })}
      </div>`}
    </section>
  `;
}
