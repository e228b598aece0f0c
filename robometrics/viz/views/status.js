/** One line: whether what is seen is live, and if not, how old it is. */

import { html } from "../dom.js";
import { connection, dataUpToMs, fleetError, socketError } from "../store.js";
import { formatClock } from "../units.js";

export function Status() {
  const state = connection.value;
  const reason = fleetError.value || socketError.value;
  return html`
    <p class="status" role="status" data-state=${state} title=${reason}>
      <span class="dot" aria-hidden="true"></span>${text(state)}
    </p>
  `;
}

/** @param {string} state */
function text(state) {
  if (state === "live") return socketError.value ? `live; ${socketError.value}` : "live";
  if (state === "connecting") return "connecting";
  const upToMs = dataUpToMs.value;
  return Number.isFinite(upToMs)
    ? `reconnecting, data up to ${formatClock(upToMs)}`
    : "reconnecting";
}
