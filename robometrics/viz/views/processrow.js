/** One process in the table of its host: rendered again only when what is known of it changed. */

import { Component } from "preact";
import { html } from "../dom.js";
import { ending, isBadEnd } from "../endings.js";
import { goneTo, ownOf, withOwn } from "../route.js";
import { go, route } from "../state.js";
import { Badge } from "./badge.js";
import { Link } from "./link.js";

/**
 * @typedef {object} RowProps
 * @property {import("../api.js").Process} process
 * @property {import("../proctable.js").Column[]} columns
 * @property {number} depth
 * @property {boolean} isContext
 * @property {boolean} isOpen whether its runs are shown
 * @property {import("../liverows.js").LiveRows} live
 */

/** What a row is made of: where it is the same, so is the row. @param {RowProps} props */
const madeOf = ({ process: { process, state, run, pid, exit_code, started_ms }, columns, depth, isContext, isOpen }) =>
  JSON.stringify([process, state, run, pid, exit_code, started_ms, columns.length, depth, isContext, isOpen]);

/** @extends {Component<RowProps>} */
export class ProcessRow extends Component {
  /** @type {HTMLElement | null} */
  element = null;

  /** @param {RowProps} next */
  shouldComponentUpdate(next) {
    return madeOf(next) !== madeOf(this.props);
  }

  componentDidMount() {
    if (this.element) this.props.live.watch(this.element, this.props.process);
  }

  componentDidUpdate() {
    if (this.element) this.props.live.watch(this.element, this.props.process);
  }

  componentWillUnmount() {
    if (this.element) this.props.live.forget(this.element);
  }

  render() {
    const { process: row, columns, depth, isContext, isOpen } = this.props;
    return html`
      <tr data-process=${row.process} data-state=${row.state} data-context=${isContext ? "" : null}
        ref=${(/** @type {HTMLElement | null} */ element) => { if (element) this.element = element; }}>
        ${columns.map((column) => cellOf(column, row, depth, isOpen))}
      </tr>
    `;
  }
}

/**
 * @param {import("../proctable.js").Column} column
 * @param {import("../api.js").Process} row
 * @param {number} depth
 * @param {boolean} isOpen
 */
function cellOf({ id, metrics }, row, depth, isOpen) {
  if (id === "state") return html`<td><${Badge} state=${row.state} /></td>`;
  if (id === "name") return html`<th scope="row"><${Name} row=${row} depth=${depth} isOpen=${isOpen} /></th>`;
  if (id === "pid") return html`<td class="number" data-column="pid">${row.pid}</td>`;
  if (id === "exit") return html`<td data-bad=${isBadEnd(row.exit_code) ? "" : null}>${row.exit_code === null ? "" : ending(row.exit_code)}</td>`;
  const value = html`<td class="number" data-value=${id} data-column=${id}></td>`;
  if (id !== "cpu" || !metrics) return value;
  return html`${value}<td>${row.state !== "exited" && html`<canvas class="spark" aria-hidden="true"></canvas>`}</td>`;
}

/** @param {{row: import("../api.js").Process, depth: number, isOpen: boolean}} props */
function Name({ row: { host, process, command }, depth, isOpen }) {
  const toggle = () => {
    const others = ownOf(route.value, "runs").filter((each) => each !== process);
    go(withOwn(route.value, "runs", isOpen ? others : [...others, process]), { replace: true });
  };
  const indent = { "padding-inline-start": `${1.2 * depth}em` };
  return html`
    <span class="named" style=${indent}>
      <button type="button" class="expand" aria-expanded=${String(isOpen)} title="Its runs" onClick=${toggle}>
        <span aria-hidden="true">${isOpen ? "▾" : "▸"}</span><span class="hidden">Runs of ${process}</span>
      </button>
      <${Process} host=${host} process=${process} command=${command} />
    </span>
  `;
}

/** A link to it, in the time that is shown. @param {{host: string, process: string, command: string}} props */
const Process = ({ host, process, command }) =>
  html`<${Link} to=${goneTo(route.value, "process", host, process)} title=${`${process}\n${command}`}>${process}<//>`;
