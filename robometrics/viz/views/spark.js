/** A sparkline of one metric of one series, drawn by the page's loop while it is in sight. */

import { useEffect, useRef } from "preact/hooks";
import { nowMs } from "../clock.js";
import { html } from "../dom.js";
import { onDraw } from "../loop.js";
import { session, shownBounds } from "../state.js";
import { drawSparkline } from "../sparkline.js";

/** @param {{id: import("../series.js").SeriesId, metric: string, topMin: number, color: string}} props */
export function Spark({ id, metric, topMin, color }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    let isVisible = true;
    const sight = new IntersectionObserver((seen) => (isVisible = seen.at(-1)?.isIntersecting ?? false));
    sight.observe(element);
    const stop = onDraw(() => {
      if (!isVisible || !session.value) return;
      const { fromMs, toMs } = shownBounds(nowMs());
      drawSparkline(element, session.value.track(id, metric), fromMs, toMs, { topMin, color });
      document.documentElement.dataset.ready = "true";
    });
    return () => {
      stop();
      sight.disconnect();
    };
  }, [id.host, id.process, id.gpu, metric, topMin, color]);
  return html`<canvas class="spark" ref=${canvas} aria-hidden="true"></canvas>`;
}
