/** The metrics there are, found by name, unit, group or what they mean. */

import { useId, useState } from "preact/hooks";
import { html } from "../dom.js";
import { foundMetrics } from "../explore/finding.js";
import { instancesOf, offered } from "../explore/instances.js";
import { catalogue } from "../state.js";
import { Instances } from "./instances.js";
import { Chips } from "./names.js";

/**
 * @param {object} props
 * @param {string[]} props.values
 * @param {import("../explore/choice.js").Kind} props.kind
 * @param {import("../explore/instances.js").Contents} props.contents what the series have
 * @param {(values: string[]) => void} props.onChange
 */
export function Metrics({ values, kind, contents, onChange }) {
  const id = useId();
  const [text, setText] = useState("");
  const known = catalogue.value ?? new Map();
  const instances = (/** @type {string} */ metric) => instancesOf(known, contents, metric);
  const groups = foundMetrics([...known.values()], kind, text, (metric) => instances(metric).map(({ name }) => name));
  /** @param {string} name */
  const toggle = (name) =>
    onChange(values.includes(name) ? values.filter((each) => each !== name) : [...values, name]);
  // One core, disk or thread: `name:instance`, be it in no list.
  const typed = text.trim();
  const isInstance = /^[a-z][a-z0-9_]*:\S+$/.test(typed);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const first = isInstance ? typed : groups[0]?.[1][0]?.name;
    if (first) toggle(first);
    setText("");
  };
  return html`
    <div class="metrics">
      ${values.length > 0 && html`<${Chips} label="Metrics" values=${values} onChange=${onChange} />`}
      <form role="search" onSubmit=${submit}>
        <label class="hidden" for=${id}>Search metrics</label>
        <input id=${id} type="search" data-search placeholder="Search: cpu, bytes, waits …" value=${text} autocomplete="off"
          onInput=${(/** @type {any} */ event) => setText(event.target.value)} />
      </form>
      <div class="found" tabindex="0" role="group" aria-label="Metrics">
        ${isInstance && html`<button type="button" class="metric" onClick=${submit}>Add ${typed}</button>`}
        ${groups.map(
          ([group, rows]) => html`
            <section key=${group} aria-label=${group}>
              <h2>${group}</h2>
              ${rows.map(
                ({ name, unit, description }) => html`
                  <button key=${name} type="button" class="metric" aria-pressed=${String(values.includes(name))}
                    title=${description} data-metric=${name} onClick=${() => toggle(name)}>
                    <span>${name}</span> <small>${unit}</small>
                  </button>
                  <${Instances} metric=${name} all=${offered(instances(name), values, text)} values=${values} onToggle=${toggle} />
                `,
              )}
            </section>
          `,
        )}
        ${groups.length === 0 && !isInstance && html`<p class="dim">No metric of these has that in its name, unit or description.</p>`}
      </div>
    </div>
  `;
}
