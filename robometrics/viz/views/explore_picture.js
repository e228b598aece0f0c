/** The same data drawn by Vega-Lite, which is loaded only now; to be kept as a picture. */

import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../dom.js";
import { fileName, savePicture, saveText } from "../download.js";
import { specOf } from "../explore/spec.js";
import { COLORS } from "../palette.js";
import { route } from "../state.js";
import { cssColor } from "../theme.js";
import { formatMoment } from "../units.js";
import { CopyButton, Dialog } from "./dialog.js";
import { shownRows } from "./shown_rows.js";

/** Pixels of the picture to one on the screen. */
const SCALE = 2;

/** @param {{charts: import("../explore/charts.js").ExploreChart[], name: string, onClose: () => void}} props */
export function Picture({ charts, name, onClose }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const [spec] = useState(() => specNow(charts));
  const [view, setView] = useState(/** @type {import("../explore/vega.js").Drawn | null} */ (null));
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let isOver = false;
    /** @type {import("../explore/vega.js").Drawn | null} */
    let drawn = null;
    draw(spec, /** @type {HTMLElement} */ (place.current)).then(
      (found) => {
        drawn = found;
        if (isOver) drawn.finalize();
        else setView(() => found);
      },
      (error) => setProblem(`It cannot be drawn: ${error instanceof Error ? error.message : error}`),
    );
    return () => {
      isOver = true;
      drawn?.finalize();
    };
  }, []);
  const savePng = async () => view && savePicture(await view.toCanvas(SCALE), fileName(name, "png"));
  const saveSvg = async () => view && saveText(await view.toSVG(), fileName(name, "svg"), "image/svg+xml");
  const text = JSON.stringify(spec, null, 2);
  return html`
    <${Dialog} label="Vega-Lite" onClose=${onClose} data-drawn=${view ? "true" : null}>
      <div class="segments" role="group" aria-label="Save">
        <button type="button" data-save="png" disabled=${!view} onClick=${savePng}>PNG</button>
        <button type="button" data-save="svg" disabled=${!view} onClick=${saveSvg}>SVG</button>
        <button type="button" data-save="json" onClick=${() => saveText(text, fileName(name, "vl.json"), "application/json")}>
          Specification with data
        </button>
      </div>
      ${problem && html`<p class="problem" role="alert">${problem}</p>`}
      <div class="picture" ref=${place} role="img" aria-label="Chart drawn by Vega-Lite" aria-busy=${view || problem ? null : "true"}></div>
      <details class="spec">
        <summary>Specification</summary>
        <div class="snippet"><pre data-part="spec" tabindex="0"><code>${shortened(spec)}</code></pre><${CopyButton} text=${text} /></div>
      </details>
    <//>
  `;
}

/**
 * @param {import("../explore/spec.js").Spec} spec
 * @param {HTMLElement} element
 */
async function draw(spec, element) {
  const vega = await import("../explore/vega.js");
  return vega.draw(spec, element);
}

/** @param {import("../explore/charts.js").ExploreChart[]} charts */
function specNow(charts) {
  const { isUtc } = route.value;
  const { fromMs, toMs, rows } = shownRows(charts);
  const body = getComputedStyle(/** @type {HTMLElement} */ (document.querySelector(".bar")));
  const look = {
    background: body.backgroundColor,
    text: body.color,
    grid: cssColor("--grid"),
    series: Array.from({ length: COLORS }, (_, i) => cssColor(`--series-${i}`)),
  };
  const [from, to] = [fromMs, toMs].map((timeMs) => formatMoment(timeMs, isUtc));
  const title = `${from} – ${to.slice(0, 10) === from.slice(0, 10) ? to.slice(11) : to}${isUtc ? " UTC" : ""}`;
  return specOf(charts, rows, look, { isUtc, title, fromMs, toMs });
}

/** To be read: thousands of rows are not. @param {import("../explore/spec.js").Spec} spec */
function shortened(spec) {
  const { values, ...data } = spec.data;
  return JSON.stringify({ ...spec, data: { ...data, values: [...values.slice(0, 2), `… ${values.length} rows`] } }, null, 2);
}
