/** One loop draws everything, at a calm rate, and only where someone looks. */

const DRAW_INTERVAL_MS = 250;
const DRAW_INTERVAL_REDUCED_MS = 1_000;

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** @type {Set<() => void>} */
const draws = new Set();
let drawnMs = -Infinity;

/**
 * Call *draw* from now on, at most four times a second and not while hidden.
 * @param {() => void} draw
 * @returns {() => void} ends it
 */
export function onDraw(draw) {
  draws.add(draw);
  // The next frame draws: a chart that just appeared should not stay empty.
  drawnMs = -Infinity;
  return () => draws.delete(draw);
}

/** @param {number} frameMs */
function frame(frameMs) {
  requestAnimationFrame(frame);
  const intervalMs = reducedMotion.matches ? DRAW_INTERVAL_REDUCED_MS : DRAW_INTERVAL_MS;
  // Half a frame early is nearer than a frame late.
  if (document.hidden || frameMs - drawnMs < intervalMs - 8) return;
  drawnMs = frameMs;
  for (const draw of draws) draw();
  performance.mark("robometrics:draw");
  performance.clearMarks("robometrics:draw");
}

requestAnimationFrame(frame);
