/** How full each file system is. */

import { html } from "../dom.js";
import { latestOf } from "../latest.js";
import { formatBytes, formatPercent } from "../units.js";

/** From here on someone should look; the word says it, colour only repeats it. */
const FULL_PERCENT = 90;

/** @param {import("./panel.js").PanelProps} props lines in pairs: used, total */
export function Meters({ name, title, lines }) {
  const pairs = lines.filter((_, i) => i % 2 === 0).map((used, i) => ({ used, total: lines[2 * i + 1] }));
  return html`
    <section class="panel meters" data-chart=${name}>
      <header><h3>${title}</h3></header>
      <ul>${pairs.map((pair) => html`<${Meter} key=${pair.used.label} ...${pair} />`)}</ul>
    </section>
  `;
}

/** @param {{used: import("./panel.js").LineSpec, total: import("./panel.js").LineSpec}} props */
function Meter({ used, total }) {
  const [usedBytes, totalBytes] = [used, total].map(({ id, metric }) => latestOf(id, metric));
  const percent = usedBytes !== null && totalBytes ? (100 * usedBytes) / totalBytes : null;
  const isFull = percent !== null && percent >= FULL_PERCENT;
  return html`
    <li data-mount=${used.label} data-state=${isFull ? "full" : null}>
      <span class="name" title=${used.label}>${used.label}</span>
      <meter min="0" max="100" high=${FULL_PERCENT} optimum="0" value=${percent ?? 0} aria-label=${`${used.label} used`}></meter>
      <span class="number">
        ${formatBytes(usedBytes)} of ${formatBytes(totalBytes)} (${formatPercent(percent)}${isFull ? ", almost full" : ""})
      </span>
    </li>
  `;
}
