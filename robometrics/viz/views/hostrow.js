/** One host of the fleet: how it is, how much of it is in use, and what its worker says. */

import { nowMs } from "../clock.js";
import { html } from "../dom.js";
import { hottestOf, share, shownOf } from "../fleetlive.js";
import { goneTo, queryOf } from "../route.js";
import { hostId } from "../series.js";
import { go, route } from "../state.js";
import { formatBytes, formatDuration, formatPercent, unitStyle, within } from "../units.js";
import { HOT_CELSIUS, MEMORY_FULL_PERCENT } from "../worries.js";
import { Badge } from "./badge.js";
import { GpuCell, GpuList, UNFOLDED_MAX } from "./gpus.js";
import { Link } from "./link.js";
import { Meter } from "./meter.js";
import { Spark } from "./spark.js";

const celsius = unitStyle("celsius").format;

/** Heights are told, not measured: where a row out of sight lies is known without rendering it. */
const ROW_PX = 61;
const CARD_PX = 206;
const GPU_PX = 26;

/** @param {import("../fleetrows.js").Row} row @param {boolean} isCard @param {boolean} isOpen */
export function heightOf({ gpus }, isCard, isOpen) {
  const inCard = isCard && gpus.length > 0 ? GPU_PX * Math.min(gpus.length, UNFOLDED_MAX) + 6 : 0;
  const unfolded = isOpen && gpus.length > UNFOLDED_MAX ? GPU_PX * gpus.length + 12 : 0;
  return (isCard ? CARD_PX : ROW_PX) + inCard + unfolded;
}

/**
 * @param {object} props
 * @param {import("../fleetrows.js").Row} props.row
 * @param {number} props.at place in the table, from 1
 * @param {{gpus: boolean, temperature: boolean}} props.has what any host of the fleet has
 * @param {number} props.heightPx
 * @param {boolean} props.isOpen
 * @param {() => void} props.onToggle
 */
export function HostRow({ row, at, has, heightPx, isOpen, onToggle }) {
  const { host, gpus, measures } = row;
  const id = hostId(host.host);
  const of = (/** @type {string} */ metric) => shownOf(host, id, metric);
  const [cpu, cores] = [of("cpu_percent"), of("cpu_count")];
  const allCores = cores === null ? null : 100 * cores;
  const [used, total] = [of("memory_used_bytes"), of("memory_total_bytes")];
  const hottest = hottestOf(host) ?? measures.temperature;
  const to = goneTo(route.value, "host", host.host);
  return html`
    <tr role="row" data-host=${host.host} data-state=${host.state} aria-rowindex=${at}
      style=${{ height: `${heightPx}px` }} onClick=${(/** @type {MouseEvent} */ event) => open(event, to)}>
      <td role="cell" data-cell="state">
        <${Badge} state=${host.state} /><small>${since(host, of("uptime_ns"))}</small>
      </td>
      <th role="rowheader" scope="row" data-cell="host"><${Link} to=${to} title=${host.host}>${host.host}<//></th>
      <td role="cell" data-cell="cpu">
        <span class="use">
          <span>${formatPercent(within(cpu, allCores))} <small>${cores === null ? "" : `of ${cores} ${cores === 1 ? "core" : "cores"}`}</small></span>
          <${Meter} share=${share(cpu, allCores)} />
        </span>
        <${Spark} id=${id} metric="cpu_percent" topMin=${100} color="--series-0" />
      </td>
      <td role="cell" data-cell="memory">
        <span class="use">
          <span>${formatBytes(used)} <small>${total === null ? "" : `of ${formatBytes(total)}`}</small></span>
          <${Meter} share=${share(used, total)} isHigh=${(measures.memory ?? 0) >= MEMORY_FULL_PERCENT} />
        </span>
        <${Spark} id=${id} metric="memory_used_bytes" topMin=${total ?? 1} color="--series-1" />
      </td>
      ${has.gpus &&
      html`<td role="cell" data-cell="gpus" data-none=${gpus.length === 0 ? "" : null}><${GpuCell} host=${host} gpus=${gpus} isOpen=${isOpen} onToggle=${onToggle} /></td>`}
      ${has.temperature &&
      html`<td role="cell" data-cell="temperature" title="The hottest sensor"><span class="name">Hottest${" "}</span><span class=${(hottest ?? 0) >= HOT_CELSIUS ? "worry" : ""}>${celsius(hottest)}</span></td>`}
      <td role="cell" data-cell="processes"><${Processes} row=${row} /></td>
      <td role="cell" data-cell="worker"><${Worker} row=${row} /></td>
      ${isOpen && gpus.length > UNFOLDED_MAX &&
      html`<td role="cell" data-cell="each-gpu"><${GpuList} host=${host} gpus=${gpus} /></td>`}
    </tr>
  `;
}

/** A click anywhere in a row opens its host, unless it was meant for something else. @param {MouseEvent} event @param {import("../route.js").Route} to */
function open(event, to) {
  const target = /** @type {Element} */ (event.target);
  if (target.closest("a, button") || getSelection()?.type === "Range") return;
  if (event.ctrlKey || event.metaKey) window.open(queryOf(to), "_blank", "noopener");
  else go(to);
}

/** @param {import("../api.js").Host} host @param {number | null} uptimeNs */
function since({ state, last_seen_ms }, uptimeNs) {
  if (state !== "live") return `last seen ${formatDuration(nowMs() - last_seen_ms)} ago`;
  return uptimeNs === null ? "" : `up ${formatDuration(uptimeNs / 1e6)}`;
}

/** @param {{row: import("../fleetrows.js").Row}} props */
function Processes({ row: { host, processes, worries } }) {
  const { running, total } = processes;
  const worry = worries.filter(({ of }) => of === "processes");
  const isKnown = host.state === "live";
  return html`
    <span>${total === 0 ? "none" : isKnown ? `${running} of ${total}` : total} <span class="name">${total === 1 ? "process" : "processes"}</span></span>
    ${worry.length > 0
      ? html`<small class="worry" data-bad=${worry[0].isBad ? "" : null}>${shortly(worry[0].text)}</small>`
      : html`<small>${total === 0 ? "" : isKnown ? "running" : "known"}</small>`}
  `;
}

/** The column already says what is counted. @param {string} text */
const shortly = (text) => text.replace(/ process(es)?/, "");

/** @param {{row: import("../fleetrows.js").Row}} props */
function Worker({ row: { host, worries } }) {
  if (host.state !== "live") return html`<span>${host.state === "stale" ? "silent" : "gone"}</span>`;
  const mine = worries.filter(({ of }) => of === "worker");
  if (mine.length === 0) return html`<span>up to date</span>`;
  return mine.map(({ isBad, text }) => html`<span class="worry" data-bad=${isBad ? "" : null} title=${text}>${text}</span>`);
}
