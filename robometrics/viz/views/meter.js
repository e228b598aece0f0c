/** A bar: how much of a whole is in use. The number beside it says the same. */

import { html } from "../dom.js";

/** @param {{share: number | null, isHigh?: boolean}} props from 0 to 1; null: not known */
export function Meter({ share, isHigh = false }) {
  const percent = Math.min(100, Math.max(0, 100 * (share ?? 0)));
  return html`
    <span class="meter" data-high=${isHigh ? "" : null} aria-hidden="true">
      <span style=${{ width: `${percent.toFixed(1)}%` }}></span>
    </span>
  `;
}
