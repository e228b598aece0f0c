/** What can be taken away: a picture with its specification, files, and the Python for them. */

import { useState } from "preact/hooks";
import { address } from "../api.js";
import { nowMs } from "../clock.js";
import { html } from "../dom.js";
import { fileName, saveText } from "../download.js";
import { exportPath, seriesParameters } from "../explore/asking.js";
import { isPolled } from "../explore/choice.js";
import { titleOfMetric } from "../explore/names.js";
import { csvOf } from "../explore/rows.js";
import { snippetOf } from "../explore/snippet.js";
import { stepsOf } from "../grid.js";
import { isLive } from "../range.js";
import { gpus, me, pausedMs, route, shownBounds, shownStepMs } from "../state.js";
import { CopyButton, Dialog } from "./dialog.js";
import { Picture } from "./explore_picture.js";
import { shownRows } from "./shown_rows.js";

/** @typedef {import("../explore/choice.js").Choice} Choice */
/** @typedef {import("../explore/charts.js").ExploreChart} ExploreChart */

/** @param {{choice: Choice, charts: ExploreChart[]}} props */
export function Take({ choice, charts }) {
  const [open, setOpen] = useState("");
  const close = () => setOpen("");
  const range = takenRange();
  const steps = stepsOf(range, shownStepMs(), nowMs()).length;
  const series = seriesParameters(choice, gpus.value);
  const wantsToken = me.value?.login === "required";
  const place = { url: serverUrl(), range, steps, gpus: gpus.value, wantsToken };
  const name = choice.metrics.join("-");
  const isWorked = isPolled(choice) || choice.compareMs !== null;
  const saveShown = () => saveText(csvOf(shownRows(charts).rows), fileName(name, "csv"), "text/csv");
  /** @param {"csv" | "parquet"} format @param {number} steps */
  const file = (format, steps) => exportPath(series, range, format, steps);
  return html`
    <header class="take">
      <h2>${choice.metrics.map(titleOfMetric).join(", ")}</h2>
      <div class="segments" role="group" aria-label="Take away">
        <button type="button" data-take="picture" disabled=${charts.length === 0} onClick=${() => setOpen("picture")}
          title="Drawn by Vega-Lite: its specification, PNG, SVG">Vega-Lite</button>
        ${isWorked
          ? html`<button type="button" data-take="csv" disabled=${charts.length === 0} onClick=${saveShown} title="What the charts show">CSV</button>`
          : html`<a class="button" data-take="csv" href=${file("csv", steps)} download title="What the charts show: mean, min and max of each step">CSV</a>`}
        <a class="button" data-take="parquet" href=${file("parquet", steps)} download
          title=${isWorked ? "The series this is made of: mean, min and max of each step" : "What the charts show: mean, min and max of each step"}>Parquet</a>
        <a class="button" data-take="raw" href=${file("parquet", 0)} download title="Parquet of every sample as it was taken">Samples</a>
        <button type="button" data-take="python" onClick=${() => setOpen("python")} title="The Python that fetches this">Python</button>
      </div>
      ${open === "picture" && html`<${Picture} charts=${charts} name=${name} onClose=${close} />`}
      ${open === "python" && html`<${Python} text=${snippetOf(choice, place)} onClose=${close} />`}
    </header>
  `;
}

/** What is paused is taken as it stands. */
function takenRange() {
  const { range } = route.value;
  return isLive(range) && pausedMs.value !== null ? shownBounds(nowMs()) : range;
}

const serverUrl = () => address(".").href.replace(/\/$/, "");

/** @param {{text: string, onClose: () => void}} props */
function Python({ text, onClose }) {
  return html`
    <${Dialog} label="The Python that fetches this" onClose=${onClose}>
      <div class="snippet"><pre data-part="python"><code>${text}</code></pre><${CopyButton} text=${text} /></div>
    <//>
  `;
}
