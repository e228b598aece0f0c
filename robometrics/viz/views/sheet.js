/** The sheet that lists what each key does. */

import { useEffect, useRef } from "preact/hooks";
import { html } from "../dom.js";
import { BINDINGS, isSheetOpen } from "../keys.js";

const NAMES = /** @type {Record<string, string>} */ ({
  " ": "Space",
  ArrowLeft: "←",
  ArrowRight: "→",
  Escape: "Esc",
});

export function Sheet() {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const isOpen = isSheetOpen.value;
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  return html`
    <dialog ref=${dialog} class="sheet" aria-label="Keys" onClose=${() => (isSheetOpen.value = false)}>
      <h2>Keys</h2>
      <dl>
        ${BINDINGS.map(
          ({ keys, does }) => html`
            <dt>${keys.map((key) => html`<kbd>${NAMES[key] ?? key}</kbd>`)}</dt>
            <dd>${does}</dd>
          `,
        )}
        <dt><kbd>↑</kbd><kbd>↓</kbd><kbd>Home</kbd><kbd>End</kbd></dt><dd>over the rows of the fleet</dd>
        <dt><kbd>Enter</kbd></dt><dd>open what is focused</dd>
        <dt>drag</dt><dd>zoom into what is marked, on all charts</dd>
        <dt>double click</dt><dd>back to live</dd>
        <dt>fingers</dt><dd>one moves a chart along, two zoom, a double tap goes back to live</dd>
      </dl>
      <form method="dialog"><button>Close</button></form>
    </dialog>
  `;
}
