/** The rows of the fleet: those in sight are rendered, all can be reached. */

import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { html } from "../dom.js";
import { orderText } from "../fleetrows.js";
import { ownOf, withOwn } from "../route.js";
import { go, route } from "../state.js";
import { offsetsOf, windowOf } from "../windowed.js";
import { HostRow, heightOf } from "./hostrow.js";
import { useRowKeys } from "./rowkeys.js";
import { useSight } from "./sight.js";

/** Rendered beyond what is in sight. */
const SPARE_PX = 240;

/** Between two columns, and at both ends. */
const GAP_EM = 1;

/**
 * @typedef {object} Column
 * @property {import("../fleetrows.js").Key} key
 * @property {string} title
 * @property {number} leastEm width that it needs
 * @property {number} part of the width that is left over
 */

/** @param {Column["key"]} key @param {string} title @param {number} leastEm @param {number} part @returns {Column} */
const column = (key, title, leastEm, part) => ({ key, title, leastEm, part });

export const COLUMNS = [
  column("state", "State", 9.5, 0.4),
  column("host", "Host", 7, 1),
  column("cpu", "CPU", 12.5, 1.5),
  column("memory", "Memory", 15, 1.5),
  column("gpu", "GPUs", 22, 1),
  column("temperature", "Hottest", 4.5, 0.3),
  column("processes", "Processes", 7.5, 0.4),
  column("attention", "Worker", 7, 1),
];

const narrow = matchMedia("(max-width: 720px)");
const isNarrow = signal(narrow.matches);
narrow.addEventListener("change", () => (isNarrow.value = narrow.matches));

/**
 * @param {object} props
 * @param {import("../fleetrows.js").Row[]} props.rows in order
 * @param {import("../fleetrows.js").Order} props.order
 * @param {{gpus: boolean, temperature: boolean}} props.has
 * @param {{current: boolean}} props.isPointed told whether the pointer is over rows
 * @param {((hosts: string[]) => void) | null} props.onSight
 */
export function FleetTable({ rows, order, has, isPointed, onSight }) {
  const frame = useRef(/** @type {HTMLElement | null} */ (null));
  const body = useRef(/** @type {HTMLElement | null} */ (null));
  const open = ownOf(route.value, "open");
  const heights = rows.map((row) => heightOf(row, isNarrow.value, open.includes(row.host.host)));
  const offsets = offsetsOf(heights);
  const { topPx, bottomPx } = useSight(body, frame);
  const { from, to } = windowOf(offsets, topPx, bottomPx, SPARE_PX);
  const rendered = rows.slice(from, to);
  const names = rendered.map(({ host }) => host.host);
  useEffect(() => onSight?.(names), [names.join("\n"), onSight]);
  useRowKeys({ frame, body, names: rows.map(({ host }) => host.host), offsets });

  const columns = COLUMNS.filter(({ key }) => (key !== "gpu" || has.gpus) && (key !== "temperature" || has.temperature));
  /** @param {string} host */
  const toggle = (host) =>
    go(withOwn(route.value, "open", open.includes(host) ? open.filter((each) => each !== host) : [...open, host]), { replace: true });
  return html`
    <div class="rows" ref=${frame}>
      <table class="hosts" role="table" aria-rowcount=${rows.length + 1} aria-label="Hosts"
        style=${{
        "--columns": columns.map(({ leastEm, part }) => `minmax(${leastEm}em, ${part}fr)`).join(" "),
        "--least": `${columns.reduce((sum, { leastEm }) => sum + leastEm + GAP_EM, GAP_EM)}em`,
      }}>
        <thead role="rowgroup"><tr role="row" aria-rowindex="1">${columns.map((column) => html`<${Head} key=${column.key} column=${column} order=${order} />`)}</tr></thead>
        <tbody role="rowgroup" ref=${body} style=${{ paddingTop: `${offsets[from]}px`, paddingBottom: `${offsets[rows.length] - offsets[to]}px` }}
          onPointerEnter=${() => (isPointed.current = true)} onPointerLeave=${() => (isPointed.current = false)}>
          ${rendered.map(
            (row, i) => html`
              <${HostRow} key=${row.host.host} row=${row} at=${from + i + 2} has=${has} heightPx=${heights[from + i]}
                isOpen=${open.includes(row.host.host)} onToggle=${() => toggle(row.host.host)} />
            `,
          )}
        </tbody>
      </table>
    </div>
  `;
}

/** @param {{column: Column, order: import("../fleetrows.js").Order}} props */
function Head({ column: { key, title }, order }) {
  const isBy = order.key === key;
  // Names go up from the first, all else down from the most.
  const isUp = isBy && (key === "host") !== order.isReversed;
  const next = { key, isReversed: isBy && !order.isReversed };
  const sort = () => go(withOwn(route.value, "sort", orderText(next)), { replace: true });
  return html`
    <th role="columnheader" scope="col" data-by=${key} aria-sort=${isBy ? (isUp ? "ascending" : "descending") : null}>
      <button type="button" title=${key === "attention" ? "Sort by what needs attention" : null} onClick=${sort}>
        ${title}<span class="arrow" aria-hidden="true">${isBy ? (isUp ? "▲" : "▼") : ""}</span>
      </button>
    </th>
  `;
}
