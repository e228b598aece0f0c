/** Two lines: whether what is seen is live, and whether it is being stored. */

import { html } from "../dom.js";
import { describePipeline } from "../pipeline.js";
import {
  connection,
  dataUpToMs,
  fleetError,
  pipeline,
  queryError,
  route,
  socketError,
} from "../state.js";
import { formatClock } from "../units.js";

export function Status() {
  const state = connection.value;
  const reason = fleetError.value || socketError.value || queryError.value;
  return html`
    <p class="status" role="status" data-state=${state} title=${reason}>
      <span class="dot" aria-hidden="true"></span>${text(state)}
    </p>
  `;
}

/** Nothing while nobody tells: then the other line says that the server is away. */
export function PipelineStatus() {
  if (!pipeline.value) return null;
  const { isBehind, text, details } = describePipeline(pipeline.value);
  return html`
    <p class="pipeline" data-state=${isBehind ? "behind" : "stored"} title=${details}>
      ${text}
    </p>
  `;
}

/** @param {string} state */
function text(state) {
  if (state === "live") {
    const problem = socketError.value || (queryError.value && `no history: ${queryError.value}`);
    return problem ? `live; ${problem}` : "live";
  }
  if (state === "connecting") return "connecting";
  const upToMs = dataUpToMs.value;
  return Number.isFinite(upToMs)
    ? `reconnecting, data up to ${formatClock(upToMs, route.value.isUtc)}`
    : "reconnecting";
}
