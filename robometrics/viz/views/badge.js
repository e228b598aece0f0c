/** The state of a host or process, by word and shape; colour only repeats it. */

import { html } from "../dom.js";

/** @param {{state: string, isQuiet?: boolean}} props quiet: the word is only for screen readers */
export function Badge({ state, isQuiet = false }) {
  return html`
    <span class="badge" data-state=${state}>
      <span class="dot" aria-hidden="true"></span><span class=${isQuiet ? "hidden" : ""}>${state}</span>
    </span>
  `;
}
