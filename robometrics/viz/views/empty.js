/** Shown where nothing is measured yet: what to type, whatever one wants to measure. */

import { useState } from "preact/hooks";
import { html } from "../dom.js";
import { ownOf, withOwn } from "../route.js";
import { go, pipeline, route } from "../state.js";
import { brokerUrl, lessonsOf } from "../teaching.js";

const COPIED_MS = 1_500;

/** @param {{hasHosts: boolean}} props */
export function Empty({ hasHosts }) {
  const lessons = lessonsOf(brokerUrl(pipeline.value?.broker.address ?? null, location.hostname), hasHosts);
  const [wanted] = ownOf(route.value, "how");
  const lesson = lessons.find(({ id }) => id === wanted) ?? lessons[0];
  return html`
    <section class="empty" aria-label="How to begin">
      <h2>${hasHosts ? "No process is measured yet" : "Nothing is measured yet"}</h2>
      <p>${hasHosts
        ? "Hosts are watched already. Now give a program a name, and it appears here a moment later:"
        : "A worker on each machine measures it and the programs that register. What do you want to see?"}</p>
      <${Tabs} lessons=${lessons} chosen=${lesson.id} />
      <div role="tabpanel" id="how" aria-labelledby=${`how-${lesson.id}`}>
        <${Lesson} of=${lesson} />
      </div>
      <p class="waiting" role="status"><span class="dot" aria-hidden="true"></span>Waiting for the first ${hasHosts ? "process" : "host"}; it appears by itself.</p>
    </section>
  `;
}

/** @param {{of: import("../teaching.js").Lesson}} props */
export const Lesson = ({ of: { steps, note } }) => html`
  ${steps.map(({ text, code }) => html`<p>${text}</p><${Snippet} key=${code} text=${code} />`)}
  ${note && html`<p class="dim">${note}</p>`}
`;

/** @param {{lessons: import("../teaching.js").Lesson[], chosen: string}} props */
function Tabs({ lessons, chosen }) {
  /** @param {string} id */
  const choose = (id) => go(withOwn(route.value, "how", id === lessons[0].id ? [] : [id]), { replace: true });
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    event.stopPropagation();
    const at = lessons.findIndex(({ id }) => id === chosen);
    const { id } = lessons[(at + by + lessons.length) % lessons.length];
    choose(id);
    document.getElementById(`how-${id}`)?.focus();
  };
  return html`
    <div role="tablist" aria-label="What to measure" onKeyDown=${onKey}>
      ${lessons.map(
        ({ id, title }) => html`
          <button type="button" role="tab" id=${`how-${id}`} aria-controls="how" aria-selected=${String(id === chosen)}
            tabIndex=${id === chosen ? 0 : -1} onClick=${() => choose(id)}>${title}</button>
        `,
      )}
    </div>
  `;
}

/** @param {{text: string}} props */
function Snippet({ text }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  };
  // Browsers offer the clipboard to pages from localhost or over https only.
  return html`
    <div class="snippet">
      <pre tabIndex="0"><code>${text}</code></pre>
      ${navigator.clipboard && html`<button type="button" onClick=${copy}>${isCopied ? "Copied" : "Copy"}</button>`}
    </div>
  `;
}
