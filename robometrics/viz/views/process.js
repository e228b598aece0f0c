/** One process: what is known of it, its charts, its runs, and what happened to it. */

import { useEffect } from "preact/hooks";
import { nowMs } from "../clock.js";
import { html } from "../dom.js";
import { ending } from "../endings.js";
import { events, watchEvents } from "../eventfeed.js";
import { marksOf } from "../events.js";
import { gapsIn } from "../gaps.js";
import { sectionsOf } from "../processpanels.js";
import { goneTo, ownOf, withOwn } from "../route.js";
import { processId } from "../series.js";
import { catalogue, processes, route, session, tick } from "../state.js";
import { subject, watchSubject } from "../subject.js";
import { formatDuration, formatMoment } from "../units.js";
import { Badge } from "./badge.js";
import { Happened } from "./happened.js";
import { Link } from "./link.js";
import { Panel, linesOf } from "./panel.js";
import { Recorder } from "./recorder.js";
import { Runs } from "./runs.js";

/** More links in a line nobody reads; the table of the host has all. */
const CHILDREN_MAX = 8;

/** @param {{host: string, process: string}} props */
export function ProcessView({ host, process }) {
  const known = processes.value.find((each) => each.host === host && each.process === process);
  const id = processId(host, process);
  const [tab = "charts"] = ownOf(route.value, "tab");
  const { range } = route.value;
  useEffect(() => watchSubject(host, process), [host, process]);
  useEffect(() => watchEvents(host, range, process), [host, process, JSON.stringify(range)]);
  const [shown, told] = [session.value, events.value];
  useEffect(() => shown?.learn(id, gapsIn(told)), [shown, told]);
  return html`
    <article class="detail process" aria-label=${process}>
      <header class="title">
        <h2 title=${process}>${process}</h2>
        ${known && html`<${Badge} state=${known.state} />`}
        <${Recorder} host=${host} process=${process} isRunning=${known?.state === "running"} />
      </header>
      <${Facts} host=${host} known=${known} />
      <nav class="tabs" aria-label="What to show">
        <${Tab} name="charts" now=${tab}>Charts<//>
        <${Tab} name="runs" now=${tab}>Runs<//>
        <${Tab} name="events" now=${tab}>Gaps and events<//>
      </nav>
      ${tab === "charts" && html`<${Charts} id=${id} />`}
      ${tab === "runs" && html`<${Runs} host=${host} process=${process} />`}
      ${tab === "events" && html`<${Happened} id=${id} />`}
    </article>
  `;
}

/** @param {{name: string, now: string, children?: any}} props */
function Tab({ name, now, children }) {
  const to = withOwn(route.value, "tab", name === "charts" ? [] : [name]);
  return html`<${Link} to=${to} data-tab=${name} aria-current=${name === now ? "page" : null}>${children}<//>`;
}

/** @param {{id: import("../series.js").SeriesId}} props */
function Charts({ id }) {
  const known = subject.value;
  if (!catalogue.value || known?.process !== id.process || known.host !== id.host) return null;
  const marks = marksOf(events.value);
  return sectionsOf(known.contents, catalogue.value).map(
    ({ title, panels }) => html`
      <section key=${title} aria-label=${title || "Charts"}>
        ${title && html`<h3 class="part">${title}</h3>`}
        <div class="panels">
          ${panels.map(
            (spec) => html`
              <${Panel} key=${spec.id} name=${spec.id} title=${spec.title} hint=${spec.hint} subject=${id.process}
                lines=${linesOf(id, spec.metrics, spec.title)} marks=${marks} />
            `,
          )}
        </div>
      </section>
    `,
  );
}

/** @param {{host: string, known: import("../api.js").Process | undefined}} props */
function Facts({ host, known }) {
  tick.value;
  const { isUtc } = route.value;
  const onHost = html`<${Link} to=${goneTo(route.value, "host", host)}>${host}<//>`;
  if (!known) return null;
  const { state, pid, started_ms, last_seen_ms, exit_code, command, tags, parent } = known;
  const children = childrenOf(host, known.process);
  const ago = `${formatDuration(nowMs() - last_seen_ms)} ago`;
  const facts = /** @type {[string, any][]} */ ([
    ["Host", onHost],
    ["PID", pid],
    parent && ["Parent", html`<${ToProcess} host=${host} process=${parent} />`],
    children.length > 0 && ["Children", children],
    started_ms !== null && [state === "running" ? "Since" : "Began", since(started_ms, state === "running", isUtc)],
    state !== "running" && ["Last seen", html`${formatMoment(last_seen_ms, isUtc)} <small>${ago}</small>`],
    exit_code !== null && ["Ended with", ending(exit_code)],
  ].filter(Boolean));
  const labels = Object.entries(tags);
  return html`
    <dl class="known">
      ${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
      ${labels.length > 0 &&
      html`<div><dt>Tags</dt><dd class="tags">${labels.map(([key, value]) => html`<span>${key}=${value}</span>`)}</dd></div>`}
      ${command && html`<div class="line"><dt>Command</dt><dd><code title=${command}>${command}</code></dd></div>`}
    </dl>
  `;
}

/** @param {{host: string, process: string}} props */
const ToProcess = ({ host, process }) =>
  html`<${Link} to=${goneTo(route.value, "process", host, process)}>${process}<//>`;

/** Links to measured processes that it started. @param {string} host @param {string} process */
const childrenOf = (host, process) =>
  processes.value
    .filter((each) => each.host === host && each.parent === process)
    .slice(0, CHILDREN_MAX)
    .map((each) => html`<${ToProcess} key=${each.process} host=${host} process=${each.process} /> `);

/** @param {number} startedMs @param {boolean} isRunning @param {boolean} isUtc */
const since = (startedMs, isRunning, isUtc) =>
  html`${formatMoment(startedMs, isUtc)} ${isRunning && html`<small>up ${formatDuration(nowMs() - startedMs)}</small>`}`;
