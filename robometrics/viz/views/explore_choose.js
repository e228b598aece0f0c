/** What to explore: of what, which metrics, worked on how, compared with when. */

import { useState } from "preact/hooks";
import { html } from "../dom.js";
import { AGGREGATES, TOPS, kindOf } from "../explore/choice.js";
import { formatSpan, parseSpan } from "../range.js";
import { gpus, hosts, processes } from "../state.js";
import { useContents } from "./instances.js";
import { Metrics } from "./metrics.js";
import { Names } from "./names.js";

/** @typedef {import("../explore/choice.js").Choice} Choice */
/** @typedef {(change: Partial<Choice>) => void} Choose */
/** @typedef {{choice: Choice, choose: Choose}} Props */

const KINDS = /** @type {[import("../explore/choice.js").Kind, string, Partial<Choice>][]} */ ([
  ["host", "Hosts", { processes: [], gpus: [], tags: [] }],
  ["process", "Processes", { processes: ["*"], gpus: [] }],
  ["gpu", "GPUs", { processes: [], gpus: ["*"], tags: [] }],
]);

const narrow = matchMedia("(max-width: 860px)");

const QUANTILES = [0.5, 0.95, 0.99];
const COMPARED = ["1h", "24h", "7d"];
const TOP_USUAL = 5;

/** @param {Props} props */
export function Chooser({ choice, choose }) {
  const kind = kindOf(choice);
  // On a phone charts would begin below the fold: there it opens when asked for.
  const contents = useContents(choice);
  const [isOpen] = useState(() => choice.metrics.length === 0 || !narrow.matches);
  return html`
    <details class="chooser" open=${isOpen} aria-label="What to show">
      <summary>What to show</summary>
      <div class="choice" role="group" aria-label="Of what">
        <div class="segments">
          ${KINDS.map(
            ([each, text, change]) => html`
              <${Toggle} isOn=${kind === each} onClick=${() => choose(change)}>${text}<//>
            `,
          )}
        </div>
      </div>
      <${Metrics} values=${choice.metrics} kind=${kind} contents=${contents}
        onChange=${(/** @type {string[]} */ metrics) => choose({ metrics })} />
      <${Which} choice=${choice} choose=${choose} kind=${kind} />
      <${Work} choice=${choice} choose=${choose} kind=${kind} />
      <${Compare} choice=${choice} choose=${choose} />
    </details>
  `;
}

/** @param {{isOn: boolean, onClick: () => void, children?: any, title?: string}} props */
function Toggle({ isOn, onClick, children, title }) {
  return html`<button type="button" aria-pressed=${String(isOn)} title=${title} onClick=${onClick}>${children}</button>`;
}

/** Which hosts, processes, GPUs, tags. @param {Props & {kind: string}} props */
function Which({ choice, choose, kind }) {
  const mine = processes.value;
  const names = [...new Set(mine.map(({ process }) => process))];
  const tags = [...new Set(mine.flatMap(({ tags }) => Object.entries(tags).map(([key, value]) => `${key}=${value}`)))];
  const indexes = [...new Set(gpus.value.map(({ gpu }) => String(gpu)))];
  /** @param {"hosts" | "processes" | "gpus" | "tags"} name @param {string[]} [none] */
  const put = (name, none = []) => (/** @type {string[]} */ values) =>
    choose({ [name]: values.length > 0 ? unstarred(values) : none });
  return html`
    <${Names} label="Hosts" values=${choice.hosts} known=${(hosts.value ?? []).map(({ host }) => host)}
      placeholder="all; a name, or robot-*" onChange=${put("hosts")} />
    ${kind === "process" &&
    html`
      <${Names} label="Processes" values=${choice.processes} known=${names} placeholder="a name, or arm-*"
        onChange=${put("processes", choice.tags.length > 0 ? [] : ["*"])} />
      <${Names} label="Tags" values=${choice.tags} known=${tags} placeholder="key=value" onChange=${put("tags")} />
    `}
    ${kind === "gpu" &&
    html`<${Names} label="GPUs" values=${choice.gpus} known=${indexes} placeholder="an index" onChange=${put("gpus", ["*"])} />`}
  `;
}

/** A name beside the star would change nothing: it takes its place. @param {string[]} values */
const unstarred = (values) => (values.length > 1 ? values.filter((each) => each !== "*") : values);

/** What the server makes of them. @param {Props & {kind: string}} props */
function Work({ choice, choose, kind }) {
  const keys = [...new Set(processes.value.flatMap(({ tags }) => Object.keys(tags)))].map((key) => `tag:${key}`);
  const inner = kind === "host" ? [] : [kind];
  const labels = [...new Set(["kind", "host", ...inner, ...(kind === "process" ? ["run", ...keys] : []), ...choice.groupBy])];
  const { groupBy, quantiles, top } = choice;
  return html`
    <div class="choice" role="group" aria-label="Group">
      <span class="name">Group</span>
      <div class="segments">
        ${labels.map(
          (label) => html`
            <${Toggle} isOn=${groupBy.includes(label)} onClick=${() => choose({ groupBy: toggled(groupBy, label) })}>
              ${label === "kind" ? "together" : `by ${label.replace("tag:", "")}`}
            <//>
          `,
        )}
        ${groupBy.length > 0 &&
        html`<${Select} label="What becomes of a group" value=${choice.aggregate} values=${AGGREGATES}
          onChange=${(/** @type {any} */ aggregate) => choose({ aggregate })} />`}
      </div>
    </div>
    <div class="choice" role="group" aria-label="Top">
      <span class="name">Top</span>
      <div class="segments">
        <${Toggle} isOn=${top === null} onClick=${() => choose({ top: null })}>all<//>
        <input type="number" min="1" max="100" aria-label="How many" placeholder=${String(TOP_USUAL)} value=${top ?? ""}
          onChange=${(/** @type {any} */ event) => choose({ top: Number(event.target.value) || null })} />
        <${Select} label="The most by" value=${choice.topBy} values=${TOPS} prefix="by "
          onChange=${(/** @type {any} */ topBy) => choose({ topBy, top: top ?? TOP_USUAL })} />
      </div>
    </div>
    ${groupBy.length === 0 &&
    html`
      <div class="choice" role="group" aria-label="Quantiles">
        <span class="name">Quantiles</span>
        <div class="segments">
          ${[...new Set([...QUANTILES, ...quantiles])].map(
            (q) => html`
              <${Toggle} isOn=${quantiles.includes(q)} onClick=${() => choose({ quantiles: toggled(quantiles, q) })}>
                p${Number((100 * q).toPrecision(6))}
              <//>
            `,
          )}
        </div>
      </div>
    `}
  `;
}

/** @param {Props} props */
function Compare({ choice: { compareMs }, choose }) {
  const isOther = compareMs !== null && !COMPARED.map(parseSpan).includes(compareMs);
  /** @param {any} event */
  const type = (event) => {
    const ms = parseSpan(event.target.value.trim());
    event.target.setCustomValidity(Number.isNaN(ms) && event.target.value ? "A number and s, m, h or d: 90m, 3h, 14d" : "");
    if (event.target.reportValidity()) choose({ compareMs: ms > 0 ? ms : null });
  };
  return html`
    <div class="choice" role="group" aria-label="Compare">
      <span class="name">Compare</span>
      <div class="segments">
        ${COMPARED.map(
          (text) => html`
            <${Toggle} isOn=${compareMs === parseSpan(text)} title=${`Beside it the same, ${text} earlier, dashed`}
              onClick=${() => choose({ compareMs: compareMs === parseSpan(text) ? null : parseSpan(text) })}>${text}<//>
          `,
        )}
        <input aria-label="Other time earlier" placeholder="or 3h" size="6" value=${isOther ? formatSpan(Number(compareMs)) : ""} onChange=${type} />
      </div>
    </div>
  `;
}

/** @param {{label: string, value: string, values: string[], prefix?: string, onChange: (value: string) => void}} props */
function Select({ label, value, values, prefix = "", onChange }) {
  return html`
    <select aria-label=${label} value=${value} onChange=${(/** @type {any} */ event) => onChange(event.target.value)}>
      ${values.map((each) => html`<option value=${each} selected=${each === value}>${prefix}${each}</option>`)}
    </select>
  `;
}

/**
 * @template T
 * @param {T[]} values
 * @param {T} value
 */
const toggled = (values, value) =>
  values.includes(value) ? values.filter((each) => each !== value) : [...values, value];
