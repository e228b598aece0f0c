/** What happened on a host in the shown time: a list to filter, each a way to its moment. */

import { html } from "../dom.js";
import { events, eventsProblem, hasMore } from "../eventfeed.js";
import { KINDS, filtered, isBad } from "../events.js";
import { between, formatSpan } from "../range.js";
import { goneTo, ownOf, withOwn } from "../route.js";
import { go, route, setRange } from "../state.js";
import { formatMoment } from "../units.js";
import { nowMs } from "../clock.js";
import { Link } from "./link.js";

/** Rows shown; of more the filter finds what is meant. */
const ROWS_MAX = 200;

/** Around a moment that is looked at. */
const AROUND_MS = 60_000;

/** @param {{host: string}} props */
export function EventList({ host }) {
  const [text = ""] = ownOf(route.value, "say");
  const kinds = ownOf(route.value, "kind").filter((kind) => kind in KINDS);
  const found = filtered(events.value, kinds, text);
  const there = Object.keys(KINDS).filter(
    (kind) => kinds.includes(kind) || events.value.some(({ event }) => event === kind),
  );
  /** @param {string} kind */
  const toggle = (kind) => {
    const others = kinds.filter((each) => each !== kind);
    go(withOwn(route.value, "kind", kinds.includes(kind) ? others : [...others, kind]), { replace: true });
  };
  /** @param {InputEvent} event */
  const type = (event) => {
    const { value } = /** @type {HTMLInputElement} */ (event.target);
    go(withOwn(route.value, "say", value ? [value] : []), { replace: true });
  };
  return html`
    <div class="events">
      <div class="filters">
        <input type="search" placeholder="Filter events" aria-label="Filter events" value=${text} onInput=${type} />
        ${there.map(
          (kind) => html`
            <button type="button" key=${kind} aria-pressed=${String(kinds.includes(kind))} onClick=${() => toggle(kind)}>
              ${KINDS[kind]}
            </button>
          `,
        )}
      </div>
      ${eventsProblem.value && html`<p class="nothing" role="alert">${eventsProblem.value}</p>`}
      ${found.length === 0 && !eventsProblem.value
        ? html`<p class="nothing">Nothing happened in this time${events.value.length > 0 ? " that fits" : ""}</p>`
        : html`
            <ol class="scroll" tabindex="0" aria-label="Events, newest first">
              ${found.slice(0, ROWS_MAX).map((each) => html`<${EventRow} key=${each.id} host=${host} event=${each} />`)}
            </ol>
          `}
      ${(found.length > ROWS_MAX || hasMore.value) &&
      html`<p class="facts">The newest ${Math.min(ROWS_MAX, found.length)} are shown: a shorter range or a filter shows others.</p>`}
    </div>
  `;
}

/** @param {{host: string, event: import("../api.js").Happening}} props */
function EventRow({ host, event }) {
  const { at_ms, from_ms, to_ms, process, text, pid } = event;
  const look = () => setRange(between((from_ms ?? at_ms) - AROUND_MS, (to_ms ?? at_ms) + AROUND_MS, nowMs()));
  const isGap = event.event === "gap" && from_ms !== null && to_ms !== null;
  return html`
    <li data-event=${event.event} data-bad=${isBad(event) ? "" : null}>
      <button type="button" title="Look at this time" onClick=${look}>
        <time dateTime=${new Date(at_ms).toISOString()}>${formatMoment(at_ms, route.value.isUtc)}</time>
      </button>
      <span class="shape" aria-hidden="true"></span>
      <span class="what">
        ${process !== null && html`<${Link} to=${goneTo(route.value, "process", host, process)}>${process}<//>${" "}`}
        ${isGap ? `${formatSpan(to_ms - from_ms)} missing: ${text}` : text}
      </span>
      <span class="facts">${pid !== null ? `pid ${pid}` : ""}</span>
    </li>
  `;
}
