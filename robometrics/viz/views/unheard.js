/** Shown for a host or process that nobody has heard of: what to do. It gives way by itself. */

import { html } from "../dom.js";
import { goneTo } from "../route.js";
import { pipeline, route } from "../state.js";
import { brokerUrl, machineLesson, nameLesson } from "../teaching.js";
import { Lesson } from "./empty.js";
import { Link } from "./link.js";

/** @param {{what: "host" | "process", host: string, process: string}} props */
export function Unheard({ what, host, process }) {
  const isHost = what === "host";
  const broker = brokerUrl(pipeline.value?.broker.address ?? null, location.hostname);
  return html`
    <section class="empty" data-unheard=${what} aria-label="How to begin">
      <h2>${isHost ? host : process}</h2>
      <p>Nothing has been heard of it ${isHost ? "" : `on ${host} `}yet. If the name is right:</p>
      <${Lesson} of=${isHost ? machineLesson(broker, host) : nameLesson(process)} />
      <p>Or see ${!isHost && html`<${Link} to=${goneTo(route.value, "host", host)}>what runs on ${host}<//>, or `}<${Link}
        to=${goneTo(route.value, "fleet")}>all hosts<//>.</p>
      <p class="waiting" role="status"><span class="dot" aria-hidden="true"></span>Waiting for its first sample; it appears by itself.</p>
    </section>
  `;
}
