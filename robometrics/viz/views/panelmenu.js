/** What can be done with one chart: keep its picture, read its values, go on with it. */

import { useRef, useState } from "preact/hooks";
import { nowMs } from "../clock.js";
import { html } from "../dom.js";
import { fileName, savePicture } from "../download.js";
import { exportPath, seriesParameters } from "../explore/asking.js";
import { exploring } from "../explore/choice.js";
import { choiceOfLines } from "../explore/from_lines.js";
import { stepsOf } from "../grid.js";
import { gpus, route, shownStepMs } from "../state.js";
import { Link } from "./link.js";
import { pictureOf } from "./panel_picture.js";
import { ValuesTable } from "./values_table.js";

/**
 * @param {object} props
 * @param {string} props.title
 * @param {string} props.subject
 * @param {string} props.unit
 * @param {import("./panel.js").LineSpec[]} props.lines
 * @param {() => import("./source.js").Source | null} props.source what they are drawn from
 * @param {boolean} props.isExplored whether this is the place to go on already
 */
export function PanelMenu({ title, subject, unit, lines, source, isExplored }) {
  const details = useRef(/** @type {HTMLDetailsElement | null} */ (null));
  const [isTable, setTable] = useState(false);
  const shown = source();
  const close = () => {
    if (details.current) details.current.open = false;
  };
  const choice = choiceOfLines(lines);
  const { range } = route.value;
  const steps = stepsOf(range, shownStepMs(), nowMs()).length;
  const showTable = () => {
    close();
    setTable(true);
  };
  const savePng = () => {
    close();
    const panel = details.current?.closest(".panel");
    if (panel instanceof HTMLElement) {
      savePicture(pictureOf(panel, `${title}, ${subject}`, source()?.lines(lines) ?? []), fileName(`${title} ${subject}`, "png"));
    }
  };
  /** @param {FocusEvent} event */
  const leave = (event) => {
    if (!details.current?.contains(/** @type {Node | null} */ (event.relatedTarget))) close();
  };
  /** @param {KeyboardEvent} event */
  const escape = (event) => {
    if (event.key !== "Escape" || !details.current?.open) return;
    close();
    details.current.querySelector("summary")?.focus();
  };
  return html`
    <details class="panel-menu" ref=${details} onFocusOut=${leave} onKeyDown=${escape}>
      <summary title="Picture, values, files" aria-label=${`More of ${title}`}>⋯</summary>
      <div class="choices">
        <button type="button" data-menu="picture" onClick=${savePng}>Picture (PNG)</button>
        <button type="button" data-menu="table" onClick=${showTable}>Table of values</button>
        ${!isExplored &&
        html`
          ${!shown?.isElapsed &&
          html`<a class="button" data-menu="csv" download onClick=${close}
            href=${exportPath(seriesParameters(choice, gpus.value), range, "csv", steps)}>CSV</a>`}
          <${Link} class="button" data-menu="explore" to=${exploring(route.value, choice)}>Explore<//>
        `}
      </div>
    </details>
    ${isTable && shown &&
    html`<${ValuesTable} title=${`${title}, ${subject}`} unit=${unit} source=${shown} lines=${shown.lines(lines)} onClose=${() => setTable(false)} />`}
  `;
}
