/** The stretch of time that all charts show, and how to choose another. */

import { useRef } from "preact/hooks";
import { nowMs } from "../clock.js";
import { html } from "../dom.js";
import { togglePause } from "../keys.js";
import {
  QUICK,
  between,
  boundsOf,
  formatSpan,
  isLive,
  parseSpan,
  shifted,
  zoomedIn,
  zoomedOut,
} from "../range.js";
import { go, pausedMs, route, setRange } from "../state.js";
import { formatMoment } from "../units.js";

export function TimeBar() {
  const { range, isUtc } = route.value;
  const live = isLive(range);
  const isMoving = live && pausedMs.value === null;
  return html`
    <div class="timebar" role="group" aria-label="Time">
      <button type="button" title="Earlier (←)" onClick=${() => setRange(shifted(range, -0.5, nowMs()))}>
        <span aria-hidden="true">‹</span><span class="hidden">Earlier</span>
      </button>
      <${Picker} />
      <button type="button" title="Later (→)" disabled=${isMoving} onClick=${() => setRange(shifted(range, 0.5, nowMs()))}>
        <span aria-hidden="true">›</span><span class="hidden">Later</span>
      </button>
      <button type="button" title="Farther (-)" onClick=${() => setRange(zoomedOut(range, nowMs()))}>
        <span aria-hidden="true">−</span><span class="hidden">Farther</span>
      </button>
      <button type="button" title="Closer (+)" onClick=${() => setRange(zoomedIn(range, nowMs()))}>
        <span aria-hidden="true">+</span><span class="hidden">Closer</span>
      </button>
      <button type="button" class="pause" aria-pressed=${String(!isMoving)} onClick=${togglePause}
        title="Pause, or back to live; nothing is lost (Space)">
        ${isMoving ? "Pause" : live ? "Paused" : "Go live"}
      </button>
      <button type="button" title="Local time or UTC (u)"
        onClick=${() => go({ ...route.value, isUtc: !isUtc }, { replace: true })}>
        ${isUtc ? "UTC" : "local"}
      </button>
    </div>
  `;
}

/** What is shown now; opened, what else there is. */
function Picker() {
  const details = useRef(/** @type {HTMLDetailsElement | null} */ (null));
  const { range, isUtc } = route.value;
  const { fromMs, toMs } = boundsOf(range, nowMs());
  /** @param {import("../range.js").Range} next */
  const choose = (next) => {
    if (details.current) details.current.open = false;
    setRange(next);
  };
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const [from, to] = ["from", "to"].map((name) => momentOf(String(form.get(name)), isUtc));
    if (from < to) choose(between(from, to, nowMs()));
  };
  return html`
    <details class="picker" ref=${details}>
      <summary title="Choose a range" data-fixed=${isLive(range) ? null : ""}>${rangeText(range, isUtc)}</summary>
      <div class="choices">
        <div class="quick">
          ${QUICK.map(
            (text, i) => html`
              <button type="button" title=${`(${i + 1})`} aria-pressed=${String(isLive(range) && range.spanMs === parseSpan(text))}
                onClick=${() => choose({ spanMs: parseSpan(text) })}>last ${text}</button>
            `,
          )}
        </div>
        <form onSubmit=${submit}>
          <label>From <input type="datetime-local" name="from" step="1" required value=${fieldOf(fromMs, isUtc)} /></label>
          <label>To <input type="datetime-local" name="to" step="1" required value=${fieldOf(toMs, isUtc)} /></label>
          <button>Show (${isUtc ? "UTC" : "local time"})</button>
        </form>
      </div>
    </details>
  `;
}

/** @param {import("../range.js").Range} range @param {boolean} isUtc */
function rangeText(range, isUtc) {
  if (isLive(range)) return `last ${formatSpan(range.spanMs)}`;
  const [from, to] = [formatMoment(range.fromMs, isUtc), formatMoment(range.toMs, isUtc)];
  return from.slice(0, 10) === to.slice(0, 10) ? `${from} – ${to.slice(11)}` : `${from} – ${to}`;
}

/** @param {number} timeMs @param {boolean} isUtc as a field for date and time has it */
const fieldOf = (timeMs, isUtc) => formatMoment(timeMs, isUtc).replace(" ", "T");

/** @param {string} text @param {boolean} isUtc */
const momentOf = (text, isUtc) => Date.parse(isUtc ? `${text}Z` : text);
