/** The processes of a host: a table to sort and to filter, flat or as a tree. */

import { useEffect, useState } from "preact/hooks";
import { html } from "../dom.js";
import { LiveRows } from "../liverows.js";
import { COLUMNS, nameFilter, sorted, sortedBy, sortingFrom, sortingText, treeOf } from "../proctable.js";
import { ownOf, withOwn } from "../route.js";
import { go, gpus, processes, route } from "../state.js";
import { sortValue } from "../tablevalues.js";
import { ProcessRow } from "./processrow.js";
import { RunHistory } from "./runhistory.js";

/** @param {{host: string}} props */
export function Processes({ host }) {
  const [live, setLive] = useState(/** @type {LiveRows | null} */ (null));
  useEffect(() => {
    const rows = new LiveRows();
    setLive(rows);
    return () => rows.destroy();
  }, []);
  const mine = processes.value.filter((each) => each.host === host);
  const hasGpu = gpus.value.some((each) => each.host === host);
  const columns = COLUMNS.filter(({ isGpu }) => !isGpu || hasGpu);
  const [filter = ""] = ownOf(route.value, "filter");
  const { isWanted, problem } = nameFilter(filter);
  const sorting = sortingFrom(ownOf(route.value, "sort")[0]);
  const isTree = ownOf(route.value, "tree").length > 0;
  const open = new Set(ownOf(route.value, "runs"));
  const byId = new Map(columns.map((column) => [column.id, column]));
  const inOrder = sorted(mine, sorting, (row, id) => {
    const column = byId.get(id);
    return column ? sortValue(row, column) : null;
  });
  const placed = isTree
    ? treeOf(inOrder, isWanted)
    : inOrder.filter((row) => isWanted(row.process)).map((row) => ({ row, depth: 0, isContext: false }));
  return html`
    <div class="processes">
      <${Tools} count=${mine.length} shown=${placed.length} filter=${filter} problem=${problem} isTree=${isTree} />
      <div class="scroll" role="region" aria-label="Table of processes" tabindex="0">
        <table>
          <thead><tr>${columns.map((column) => html`<${Head} key=${column.id} column=${column} sorting=${sorting} />`)}</tr></thead>
          <tbody>
            ${live !== null &&
            placed.flatMap(({ row, depth, isContext }) => [
              html`<${ProcessRow} key=${row.process} process=${row} columns=${columns} depth=${depth}
                isContext=${isContext} isOpen=${open.has(row.process)} live=${live} />`,
              open.has(row.process) &&
                html`<${RunHistory} key=${`runs of ${row.process}`} process=${row} span=${columns.length + 1} />`,
            ])}
          </tbody>
        </table>
      </div>
      ${placed.length === 0 &&
      html`<p class="nothing">${mine.length === 0 ? "No process has been registered here" : "No process is called like that"}</p>`}
    </div>
  `;
}

/** @param {{count: number, shown: number, filter: string, problem: string, isTree: boolean}} props */
function Tools({ count, shown, filter, problem, isTree }) {
  /** @param {InputEvent} event */
  const type = (event) => {
    const { value } = /** @type {HTMLInputElement} */ (event.target);
    go(withOwn(route.value, "filter", value ? [value] : []), { replace: true });
  };
  const toggle = () => go(withOwn(route.value, "tree", isTree ? [] : ["1"]), { replace: true });
  return html`
    <div class="filters">
      <input type="search" placeholder="Filter by name or /pattern/" aria-label="Filter processes by name, or by a /pattern/"
        aria-invalid=${problem ? "true" : null} value=${filter} onInput=${type} />
      <button type="button" aria-pressed=${String(isTree)} title="Each below the one that started it" onClick=${toggle}>tree</button>
      <span class="facts" role="status">${problem || (filter ? `${shown} of ${count}` : `${count} in all`)}</span>
    </div>
  `;
}

/** @param {{column: import("../proctable.js").Column, sorting: import("../proctable.js").Sorting}} props */
function Head({ column: { id, title, hint, isNumber }, sorting }) {
  const isSorted = sorting.column === id;
  const sort = () => go(withOwn(route.value, "sort", sortingText(sortedBy(sorting, id))), { replace: true });
  const order = sorting.isDown ? "descending" : "ascending";
  return html`
    <th scope="col" class=${isNumber ? "number" : ""} data-column=${id} aria-sort=${isSorted ? order : null}>
      <button type="button" title=${hint} onClick=${sort}>
        ${title}<span aria-hidden="true">${isSorted ? (sorting.isDown ? " ▾" : " ▴") : ""}</span>
      </button>
    </th>
    ${id === "cpu" && html`<th scope="col"><span class="hidden">CPU over time</span></th>`}
  `;
}
