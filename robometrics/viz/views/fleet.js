/** The list of hosts, each with its processes, their state and latest values. */

import { useEffect, useRef } from "preact/hooks";
import { html } from "../dom.js";
import { seriesKey } from "../series.js";
import { hosts, latest, processes, select, selection } from "../store.js";
import { formatBytes, formatPercent } from "../units.js";
import { Badge } from "./badge.js";

/** In a larger fleet only the selected host is unfolded. */
const UNFOLDED_PROCESSES_MAX = 200;

export function Fleet() {
  /** @type {Map<string, import("../api.js").Process[]>} */
  const byHost = new Map(hosts.value.map(({ host }) => [host, []]));
  for (const process of processes.value) byHost.get(process.host)?.push(process);
  const isUnfolded = processes.value.length <= UNFOLDED_PROCESSES_MAX;
  return html`
    <div class="heads" aria-hidden="true"><span>Name</span><span>CPU</span><span>Memory</span></div>
    <ul class="hosts">
      ${hosts.value.map(
        (host) => html`
          <li key=${host.host}>
            <${HostRow} host=${host} />
            ${(isUnfolded || host.host === selection.value?.host) &&
            html`<ul>
              ${byHost.get(host.host).map(
                (process) => html`<li key=${process.process}><${ProcessRow} process=${process} /></li>`,
              )}
            </ul>`}
          </li>
        `,
      )}
    </ul>
  `;
}

/** @param {{host: import("../api.js").Host}} props */
function HostRow({ host: { host, state } }) {
  return html`
    <${Row} id=${{ host, process: null }} state=${state} class="row host" data-host=${host}>
      <span class="name" title=${host}>${host}</span>
      <${Badge} state=${state} />
    <//>
  `;
}

/** @param {{process: import("../api.js").Process}} props */
function ProcessRow({ process: { host, process, state } }) {
  return html`
    <${Row} id=${{ host, process }} state=${state} class="row" data-process=${process}>
      <${Badge} state=${state} isQuiet />
      <span class="name" title=${process}>${process}</span>
    <//>
  `;
}

/** @param {{id: import("../series.js").SeriesId, state: string, children: any}} props */
function Row({ id, state, children, ...attributes }) {
  const { host, process } = selection.value ?? {};
  const isSelected = host === id.host && process === id.process;
  // What has ended uses nothing, whatever its last sample said.
  const values = state === "exited" ? undefined : latest.value.get(seriesKey(id));
  const cpuPercent = values?.cpuPercent ?? null;
  const memoryBytes = values?.memoryBytes ?? null;
  const element = useRef(null);
  useEffect(() => {
    if (isSelected) element.current.scrollIntoView({ block: "nearest" });
  }, []);
  return html`
    <button ref=${element} type="button" aria-current=${isSelected ? "true" : null} onClick=${() => select(id)} ...${attributes}>
      <span class="label">${children}</span>
      ${id.process !== null && state !== "running" && html`<span class="word" aria-hidden="true">${state}</span>`}
      ${cpuPercent !== null &&
      html`<span class="number"><span class="hidden">CPU </span>${formatPercent(cpuPercent)}</span>`}
      ${memoryBytes !== null &&
      html`<span class="number memory"><span class="hidden">memory </span>${formatBytes(memoryBytes)}</span>`}
    </button>
  `;
}
