/** Why samples are missing, and what happened to a process and its host in the shown time. */

import { nowMs } from "../clock.js";
import { html } from "../dom.js";
import { events, eventsProblem, hasMore } from "../eventfeed.js";
import { isBad } from "../events.js";
import { missingText } from "../gaps.js";
import { between } from "../range.js";
import { withOwn } from "../route.js";
import { route, session, shownBounds, tick } from "../state.js";
import { formatDuration, formatMoment } from "../units.js";
import { Link } from "./link.js";

/** Around a gap or an event so much is shown at least. */
const AROUND_MS = 30_000;

/** @param {{id: import("../series.js").SeriesId}} props */
export function Happened({ id }) {
  return html`
    <div class="happened">
      <${Gaps} id=${id} />
      <${Events} />
    </div>
  `;
}

/** @param {{id: import("../series.js").SeriesId}} props */
function Gaps({ id }) {
  tick.value;
  const { fromMs, toMs } = shownBounds(nowMs());
  const gaps = (session.value?.entry(id)?.gaps ?? [])
    .filter(({ from_ms, to_ms }) => to_ms > fromMs && from_ms < toMs)
    .toSorted((a, b) => b.from_ms - a.from_ms);
  return html`
    <section aria-label="Gaps">
      <h3 class="part">Gaps <small>samples that are known to be missing</small></h3>
      ${gaps.length === 0
        ? html`<p class="nothing">No gap is known in this time.</p>`
        : html`
            <div class="scroll">
              <table data-list="gaps">
                <thead>
                  <tr>
                    <th scope="col">From</th><th scope="col" class="number">Lasted</th><th scope="col">Why</th>
                    <th scope="col">Cause</th><th scope="col">Missing</th><th scope="col">Of</th>
                  </tr>
                </thead>
                <tbody>${gaps.map((gap) => html`<${GapRow} gap=${gap} />`)}</tbody>
              </table>
            </div>
          `}
    </section>
  `;
}

/** @param {{gap: import("../api.js").Gap}} props */
function GapRow({ gap }) {
  const { from_ms, to_ms, cause, text, process } = gap;
  return html`
    <tr data-cause=${cause}>
      <th scope="row"><${Moment} fromMs=${from_ms} toMs=${to_ms} /></th>
      <td class="number">${formatDuration(to_ms - from_ms)}</td>
      <td>${text}</td>
      <td><code>${cause}</code></td>
      <td>${missingText(gap)}</td>
      <td>${process ?? "the whole host"}</td>
    </tr>
  `;
}

function Events() {
  const rows = events.value.filter(({ event }) => event !== "gap");
  return html`
    <section aria-label="Events">
      <h3 class="part">Events <small>of this process and of its host</small></h3>
      ${eventsProblem.value && html`<p role="alert" class="problem">${eventsProblem.value}</p>`}
      ${rows.length === 0
        ? html`<p class="nothing">Nothing happened in this time.</p>`
        : html`
            <div class="scroll">
              <table data-list="events">
                <thead>
                  <tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Of</th><th scope="col" class="number">PID</th></tr>
                </thead>
                <tbody>
                  ${rows.map(
                    (row) => html`
                      <tr key=${row.id} data-event=${row.event} data-bad=${isBad(row) ? "" : null}>
                        <th scope="row"><${Moment} fromMs=${row.at_ms} toMs=${row.at_ms} /></th>
                        <td>${isBad(row) ? `✗ ${row.text}` : row.text}</td>
                        <td>${row.process ?? "the whole host"}</td>
                        <td class="number">${row.pid ?? ""}</td>
                      </tr>
                    `,
                  )}
                </tbody>
              </table>
            </div>
          `}
      ${hasMore.value && html`<p class="nothing">Older ones of this time are left out.</p>`}
    </section>
  `;
}

/** A time, and the way to charts of what was around it. @param {{fromMs: number, toMs: number}} props */
function Moment({ fromMs, toMs }) {
  const aroundMs = Math.max(AROUND_MS, toMs - fromMs);
  const range = between(fromMs - aroundMs, toMs + aroundMs, nowMs());
  return html`
    <${Link} to=${{ ...withOwn(route.value, "tab", []), range }} title="Charts of that time">
      ${formatMoment(fromMs, route.value.isUtc)}
    <//>
  `;
}
