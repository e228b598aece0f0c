/** The frame: a bar with where one is, the time and the state of things; below it the view. */

import { html } from "../dom.js";
import { isSheetOpen } from "../keys.js";
import { goneTo, titleOf } from "../route.js";
import { hosts, processes, route } from "../state.js";
import { nextTheme, theme } from "../theme.js";
import { unheardOf } from "../unheard.js";
import { Empty } from "./empty.js";
import { viewOf } from "./later.js";
import { Link } from "./link.js";
import { Sheet } from "./sheet.js";
import { PipelineStatus, Status } from "./status.js";
import { TimeBar } from "./timebar.js";
import { Unheard } from "./unheard.js";
import { Who } from "./who.js";

export function App() {
  const { isKiosk } = route.value;
  return html`
    <div class="frame" data-kiosk=${isKiosk ? "" : null}>
      <header class="bar">
        <${Where} />
        <${TimeBar} />
        <div class="states"><${PipelineStatus} /><${Status} /></div>
        <div class="tools">
          <${Who} />
          <${Link} class="button" to=${goneTo(route.value, "explore")} title="Any metrics, side by side (e)"
            aria-current=${route.value.view === "explore" ? "page" : null}>Explore<//>
          <button type="button" onClick=${nextTheme} title="Colours: as the system has them, dark, light (t)">
            ${theme.value}
          </button>
          <button type="button" aria-haspopup="dialog" onClick=${() => (isSheetOpen.value = true)} title="Keys (?)">
            <span class="hidden">Keys</span><span aria-hidden="true">?</span>
          </button>
        </div>
      </header>
      <main class="view" aria-busy=${hosts.value === null ? "true" : null}>
        <h1 class="hidden">${titleOf(route.value)}</h1>
        <${View} />
      </main>
      <${Sheet} />
    </div>
  `;
}

/** Where one is, each part a link to there. */
function Where() {
  const { host, process } = route.value;
  return html`
    <nav class="where" aria-label="Where this is">
      <${Link} to=${goneTo(route.value, "fleet")} class="brand">
        <img src="static/icon.svg" alt="" width="22" height="22" />
        <span>RoboMetrics</span>
      <//>
      ${host !== null && html`<${Link} to=${goneTo(route.value, "host", host)}>${host}<//>`}
      ${process !== null &&
      html`<${Link} to=${goneTo(route.value, "process", host, process)}>${process}<//>`}
    </nav>
  `;
}

function View() {
  const { view, host, process } = route.value;
  const Shown = viewOf(view);
  // Before the first answer nothing is known: neither a fleet nor that there is none.
  if (hosts.value === null || Shown === null) return null;
  if (view === "fleet" && hosts.value.length === 0) return html`<${Empty} hasHosts=${false} />`;
  const what = unheardOf(route.value, hosts.value, processes.value);
  if (what !== null) return html`<${Unheard} what=${what} host=${host} process=${process} />`;
  const key = view === "explore" ? view : `${host}/${process}`;
  return html`<${Shown} key=${key} host=${host} process=${process} />`;
}
