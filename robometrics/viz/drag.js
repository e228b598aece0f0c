/** A stretch of time that a mouse has marked in a chart. */

/** A drag shorter than this is a click. */
const DRAG_MIN_PX = 6;

/**
 * Hand over what is marked, and mark nothing any more.
 * @param {import("uplot")} plot
 * @param {(fromMs: number, toMs: number) => void} onZoom
 */
export function takeDrag(plot, onZoom) {
  const { left, width } = plot.select;
  if (width < DRAG_MIN_PX) return;
  const [fromMs, toMs] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  onZoom(fromMs, toMs);
}
