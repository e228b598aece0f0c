/** Cores, disks, threads: a metric of one of them, offered by what the series have. */

import { useEffect, useState } from "preact/hooks";
import { fetchContentsOf } from "../api.js";
import { namesOf } from "../asking.js";
import { html } from "../dom.js";
import { ASKED_MAX, OFFERED_MAX, merged } from "../explore/instances.js";
import { matched } from "../explore/matching.js";
import { seriesKey } from "../series.js";
import { gpus, hosts, processes } from "../state.js";

/**
 * Asked for whenever the choice is of other series.
 * @param {import("../explore/choice.js").Choice} choice
 * @returns {import("../explore/instances.js").Contents} of the first of its series; nothing while nobody answers
 */
export function useContents(choice) {
  const [contents, setContents] = useState(/** @type {import("../explore/instances.js").Contents} */ ({}));
  const ids = matched(choice, hosts.value ?? [], processes.value, gpus.value).slice(0, ASKED_MAX);
  useEffect(() => {
    const stopping = new AbortController();
    Promise.all(namesOf(ids).map((names) => fetchContentsOf(names, stopping.signal))).then(
      (all) => setContents(merged(all.flat())),
      () => {}, // any can be typed; the state of the connection says why none is offered
    );
    return () => stopping.abort();
  }, [ids.map(seriesKey).join()]);
  return contents;
}

/**
 * @param {object} props
 * @param {string} props.metric
 * @param {import("../explore/instances.js").Instance[]} props.all
 * @param {string[]} props.values
 * @param {(key: string) => void} props.onToggle
 */
export function Instances({ metric, all, values, onToggle }) {
  if (all.length === 0) return null;
  return html`
    <div class="instances" role="group" aria-label=${`Only a part of ${metric}`}>
      ${all.slice(0, OFFERED_MAX).map(
        ({ key, name }) => html`
          <button key=${key} type="button" aria-pressed=${String(values.includes(key))} data-metric=${key}
            onClick=${() => onToggle(key)}>${name}</button>
        `,
      )}
      ${all.length > OFFERED_MAX && html`<small>${all.length - OFFERED_MAX} more: search one by its name</small>`}
    </div>
  `;
}
