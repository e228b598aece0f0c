/** The values of a chart as a table: to be read aloud, or copied. */

import { html } from "../dom.js";
import { isExact } from "../grid.js";
import { route } from "../state.js";
import { formatClock, formatMoment, unitStyle } from "../units.js";
import { Dialog } from "./dialog.js";

/** More rows are for a file. */
const ROWS_MAX = 600;

/**
 * @param {object} props
 * @param {string} props.title
 * @param {string} props.unit
 * @param {import("./source.js").Source} props.source
 * @param {import("./legend.js").NamedLine[]} props.lines
 * @param {() => void} props.onClose
 */
export function ValuesTable({ title, unit, source, lines, onClose }) {
  const { stepMs, isElapsed } = source;
  const { fromMs, toMs } = source.bounds();
  const startMs = Math.floor(fromMs / stepMs) * stepMs;
  const length = Math.ceil((toMs - startMs) / stepMs);
  const columns = lines.map(({ track }) => {
    /** @type {(number | null | undefined)[]} */
    const values = [];
    track?.read(startMs, length, 0, values);
    return values;
  });
  const steps = Array.from({ length }, (_, i) => length - 1 - i).filter((i) => columns.some((column) => column[i] != null));
  const style = unitStyle(unit);
  return html`
    <${Dialog} label=${title} onClose=${onClose}>
      <p class="dim">Mean of each step, the newest first.</p>
      <div class="scroll" tabindex="0" role="group" aria-label=${`Values of ${title}`}>
        <table data-part="values">
          <thead><tr><th scope="col">Time</th>${lines.map(({ label }) => html`<th scope="col">${label}</th>`)}</tr></thead>
          <tbody>
            ${steps.slice(0, ROWS_MAX).map(
              (i) => html`
                <tr>
                  <th scope="row">
                    <time datetime=${isElapsed ? null : new Date(startMs + i * stepMs).toISOString()}>${timeOf(startMs + i * stepMs, stepMs, isElapsed)}</time>
                  </th>
                  ${columns.map((column) => html`<td class="number"><data value=${column[i] ?? null}>${style.format(column[i])}</data></td>`)}
                </tr>
              `,
            )}
          </tbody>
        </table>
      </div>
    <//>
  `;
}

/** @param {number} timeMs @param {number} stepMs @param {boolean} isElapsed since a beginning */
function timeOf(timeMs, stepMs, isElapsed) {
  const second = isElapsed ? formatClock(timeMs, true) : formatMoment(timeMs, route.value.isUtc);
  return isExact(stepMs) ? `${second}.${String(timeMs % 1000).padStart(3, "0")}` : second;
}
