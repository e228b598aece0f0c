/** Above the rows of the fleet: its sum in one line, each part of which is a choice. */

import { html } from "../dom.js";
import { orderText } from "../fleetrows.js";
import { withOwn } from "../route.js";
import { go, route } from "../state.js";
import { surveyProblem, surveyedMs } from "../surveying.js";
import { HOSTS_MAX } from "../wanted.js";
import { formatClock } from "../units.js";
import { counted } from "../worries.js";
import { COLUMNS } from "./fleettable.js";

/** @param {string} name @param {string[]} values */
const choose = (name, values) => go(withOwn(route.value, name, values), { replace: true });

/**
 * @param {object} props
 * @param {import("../fleetrows.js").Summary} props.summary
 * @param {number} props.count
 * @param {import("../fleetrows.js").Order} props.order
 * @param {string} props.filter
 * @param {string[]} props.states
 */
export function FleetHead({ summary, count, order, filter, states }) {
  const isUrgent = order.key === "attention" && !order.isReversed;
  /** @param {string} state */
  const toggle = (state) =>
    choose("state", states.includes(state) ? states.filter((each) => each !== state) : [...states, state]);
  /** @param {Event} event */
  const valueOf = (event) => /** @type {HTMLInputElement | HTMLSelectElement} */ (event.target).value;
  return html`
    <header class="heading">
      <h2>${counted(count, "host")}</h2>
      <div class="summary" role="group" aria-label="Hosts by state">
        ${Object.entries(summary.states).map(
          ([state, hosts]) => html`
            <button type="button" class="badge" data-state=${state} aria-pressed=${String(states.includes(state))}
              title="Only hosts that are ${state}" onClick=${() => toggle(state)}>
              <span class="dot" aria-hidden="true"></span>${hosts.toLocaleString("en")} ${state}
            </button>
          `,
        )}
        <button type="button" class="urgent" aria-pressed=${String(isUrgent)} data-some=${summary.attention > 0 ? "" : null}
          title="Sort what needs attention first" onClick=${() => choose("sort", isUrgent ? [] : ["attention"])}>
          ${summary.attention === 0 ? "none needs attention" : `${summary.attention.toLocaleString("en")} ${summary.attention === 1 ? "needs" : "need"} attention`}
        </button>
      </div>
      <p class="facts">${summary.words.join(" · ")}${count > HOSTS_MAX && surveyedMs.value !== null && ` at ${formatClock(surveyedMs.value, route.value.isUtc)}`}
        ${surveyProblem.value && html`<span class="worry">not all hosts were asked: ${surveyProblem.value}</span>`}</p>
      <label class="sort">Sort by
        <select value=${orderText(order)[0] ?? "host"} onChange=${(/** @type {Event} */ event) => choose("sort", event.target && valueOf(event) !== "host" ? [valueOf(event)] : [])}>
          ${COLUMNS.map(({ key, title }) => html`<option value=${key}>${title}</option>`)}
        </select>
      </label>
      <input type="search" data-search placeholder="Search hosts, processes, GPUs (/)" aria-label="Search hosts, processes, GPUs"
        value=${filter} onInput=${(/** @type {Event} */ event) => choose("filter", valueOf(event) ? [valueOf(event)] : [])} />
    </header>
  `;
}
