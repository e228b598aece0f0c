/** A link to another view: an address for the browser, without loading the page anew. */

import { html } from "../dom.js";
import { queryOf } from "../route.js";
import { go } from "../state.js";

/** @param {{to: import("../route.js").Route, children?: any, [attribute: string]: any}} props */
export function Link({ to, children, ...attributes }) {
  /** @param {MouseEvent} event */
  const follow = (event) => {
    // In a new tab or window is the browser's to do.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(to);
  };
  return html`<a href=${queryOf(to)} onClick=${follow} ...${attributes}>${children}</a>`;
}
