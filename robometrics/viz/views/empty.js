/** Shown where nothing is measured yet: what to type. */

import { html } from "../dom.js";

const COMMAND = 'robometrics run --name demo -- python3 -c "while True: pass"';
const LINES = 'from robometrics.lib.register import Register\nRegister.auto_register("planner")';

/** @param {{hasHosts: boolean}} props */
export function Empty({ hasHosts }) {
  return html`
    <section class="empty">
      <h2>${hasHosts ? "No process is measured yet" : "Nothing is measured yet"}</h2>
      <p>Start any program under a name:</p>
      <${Snippet} text=${COMMAND} />
      <p>Or put two lines into your own Python program:</p>
      <${Snippet} text=${LINES} />
      <p class="dim">It appears here by itself, a moment later.</p>
    </section>
  `;
}

/** @param {{text: string}} props */
function Snippet({ text }) {
  // Browsers offer the clipboard to pages from localhost or over https only.
  const canCopy = Boolean(navigator.clipboard);
  return html`
    <div class="snippet">
      <pre><code>${text}</code></pre>
      ${canCopy && html`<button type="button" onClick=${() => navigator.clipboard.writeText(text)}>Copy</button>`}
    </div>
  `;
}
