/** The frame: a bar with the state of pipeline and connection, the fleet, and what is shown. */

import { html } from "../dom.js";
import { hosts, processes, selection } from "../store.js";
import { Empty } from "./empty.js";
import { Fleet } from "./fleet.js";
import { Detail } from "./process.js";
import { PipelineStatus, Status } from "./status.js";

/** @param {{feed: import("../feed.js").Feed}} props */
export function App({ feed }) {
  return html`
    <header class="bar">
      <h1 class="brand"><img src="static/icon.svg" alt="" width="22" height="22" />RoboMetrics</h1>
      <${PipelineStatus} />
      <${Status} />
    </header>
    <${Body} feed=${feed} />
  `;
}

/** @param {{feed: import("../feed.js").Feed}} props */
function Body({ feed }) {
  // Before the first answer nothing is known: neither a fleet nor that there is none.
  if (hosts.value === null) return html`<main class="content" aria-busy="true"></main>`;
  if (hosts.value.length === 0 && !selection.value) {
    return html`<main class="content"><${Empty} hasHosts=${false} /></main>`;
  }
  return html`
    <div class="columns">
      <nav class="fleet" aria-label="Hosts and processes"><${Fleet} /></nav>
      <main class="content">
        ${processes.value.length === 0 && html`<${Empty} hasHosts=${hosts.value.length > 0} />`}
        ${selection.value && html`<${Detail} feed=${feed} />`}
      </main>
    </div>
  `;
}
