/** What lies on the time axis of a chart beside its lines: events, and why there are gaps. */

/** @typedef {{timeMs: number, text: string, isBad?: boolean}} Mark */
/** Partial: some samples are missing, others are there. @typedef {{fromMs: number, toMs: number, text: string, isPartial?: boolean}} Stretch */

const HATCH_PX = 7;
const PARTIAL_PX = 6;
const TEXT_MIN_PX = 60;
const MARK_DASH = [3, 3];

/**
 * Hatched, so that a gap that is known is not taken for a page that lost something.
 * @param {import("uplot")} plot
 * @param {Stretch[]} gaps
 * @param {string} color
 */
export function drawGaps(plot, gaps, color) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = color;
  ctx.lineWidth = ratio;
  for (const { fromMs, toMs, text, isPartial } of gaps) {
    const left = Math.max(bbox.left, plot.valToPos(fromMs, "x", true));
    const right = Math.min(bbox.left + bbox.width, plot.valToPos(toMs, "x", true));
    if (right <= left) continue;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, bbox.top, right - left, isPartial ? PARTIAL_PX * ratio : bbox.height);
    ctx.clip();
    ctx.beginPath();
    for (let x = left - bbox.height; x < right; x += HATCH_PX * ratio) {
      ctx.moveTo(x, bbox.top + bbox.height);
      ctx.lineTo(x + bbox.height, bbox.top);
    }
    ctx.stroke();
    if (!isPartial && right - left > TEXT_MIN_PX * ratio) {
      ctx.font = `${11 * ratio}px system-ui, sans-serif`;
      ctx.textBaseline = "top";
      ctx.fillText(text, left + 4 * ratio, bbox.top + 4 * ratio, right - left - 8 * ratio);
    }
    ctx.restore();
  }
  ctx.restore();
}

/**
 * @param {import("uplot")} plot
 * @param {Mark[]} marks
 * @param {string} color
 */
export function drawMarks(plot, marks, color) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = color;
  ctx.lineWidth = devicePixelRatio;
  for (const { timeMs, isBad } of marks) {
    const x = plot.valToPos(timeMs, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.setLineDash(isBad ? [] : MARK_DASH.map((length) => length * devicePixelRatio));
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

/**
 * What happened at a time, or why there is nothing: for who points there.
 * @param {number} timeMs
 * @param {number} reachMs so near a mark is meant
 * @param {Mark[]} marks
 * @param {Stretch[]} gaps
 * @returns {string} empty: nothing is told
 */
export function toldAt(timeMs, reachMs, marks, gaps) {
  const near = marks
    .filter((mark) => Math.abs(mark.timeMs - timeMs) <= reachMs)
    .toSorted((a, b) => Math.abs(a.timeMs - timeMs) - Math.abs(b.timeMs - timeMs));
  const gap = gaps.find(({ fromMs, toMs }) => fromMs <= timeMs && timeMs < toMs);
  return near[0]?.text ?? gap?.text ?? "";
}
