/** A sheet over the page, opened by whoever renders it. */

import { useEffect, useRef } from "preact/hooks";
import { html } from "../dom.js";

/** @param {{label: string, onClose: () => void, children?: any, [attribute: string]: any}} props */
export function Dialog({ label, onClose, children, ...attributes }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => dialog.current?.showModal(), []);
  return html`
    <dialog ref=${dialog} class="dialog" aria-label=${label} onClose=${onClose} ...${attributes}>
      <header>
        <h2>${label}</h2>
        <form method="dialog"><button>Close</button></form>
      </header>
      ${children}
    </dialog>
  `;
}

/** @param {{text: string}} props */
export function CopyButton({ text }) {
  // Browsers offer the clipboard to pages from localhost or over https only.
  if (!navigator.clipboard) return null;
  return html`<button type="button" onClick=${() => navigator.clipboard.writeText(text)}>Copy</button>`;
}
