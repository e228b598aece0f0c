/** A list of names or patterns: those chosen, each with a way to drop it, and a field for more. */

import { useId, useRef } from "preact/hooks";
import { html } from "../dom.js";

/** More are not offered: the field finds any that is typed. */
const OFFERED_MAX = 200;

/**
 * @param {object} props
 * @param {string} props.label
 * @param {string[]} props.values
 * @param {string[]} props.known what to offer
 * @param {string} props.placeholder
 * @param {(values: string[]) => void} props.onChange
 */
export function Names({ label, values, known, placeholder, onChange }) {
  const id = useId();
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const add = (/** @type {Event} */ event) => {
    event.preventDefault();
    const input = field.current;
    const value = input?.value.trim() ?? "";
    if (!input || value === "") return;
    input.value = "";
    if (!values.includes(value)) onChange([...values, value]);
  };
  /** Picked from the list, it needs no Enter. */
  const pick = (/** @type {InputEvent} */ event) => {
    const isPicked = event.inputType === "insertReplacementText" || !event.inputType;
    if (isPicked && known.includes(field.current?.value ?? "")) add(event);
  };
  return html`
    <div class="names">
      <form onSubmit=${add}>
        <label for=${id}>${label}</label>
        <input id=${id} ref=${field} list=${`${id}-known`} placeholder=${placeholder} autocomplete="off"
          maxlength="140" onInput=${pick} onChange=${add} />
      </form>
      <datalist id=${`${id}-known`}>
        ${known.filter((each) => !values.includes(each)).slice(0, OFFERED_MAX).map((each) => html`<option value=${each}></option>`)}
      </datalist>
      ${values.length > 0 && html`<${Chips} label=${label} values=${values} onChange=${onChange} />`}
    </div>
  `;
}

/** @param {{label: string, values: string[], onChange: (values: string[]) => void}} props */
export function Chips({ label, values, onChange }) {
  return html`
    <ul class="chips" aria-label=${`${label}, chosen`}>
      ${values.map(
        (value) => html`
          <li key=${value}>
            <button type="button" title=${`Drop ${value}`} onClick=${() => onChange(values.filter((each) => each !== value))}>
              <span>${value}</span><span aria-hidden="true">×</span><span class="hidden"> (drop)</span>
            </button>
          </li>
        `,
      )}
    </ul>
  `;
}
