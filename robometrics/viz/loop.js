/** One loop draws everything, at a calm rate, and only where someone looks. */

const DRAW_INTERVAL_MS = 250;
const DRAW_INTERVAL_REDUCED_MS = 1_000;

/** Batches of many hosts come within so long of each other, as their seconds end together. */
const GATHER_MS = 50;

/** How often the loop's beat may move to where batches come. */
const HURRY_INTERVAL_MS = 900;

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

/** @type {Set<() => void>} */
const draws = new Set();
let drawnMs = -Infinity;

/** When what came is to be drawn; Infinity: with the next beat. */
let soonMs = Infinity;
let hurriedMs = -Infinity;

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

/**
 * Batches came. They do so once a second: the loop keeps its rate, but moves its beat, so
 * that what is new is seen at once and not up to a beat later.
 */
export function drawSoon() {
  const nowMs = performance.now();
  if (soonMs === Infinity && nowMs - hurriedMs >= HURRY_INTERVAL_MS) soonMs = nowMs + GATHER_MS;
}

/** @param {number} frameMs */
function frame(frameMs) {
  requestAnimationFrame(frame);
  const intervalMs = reducedMotion.matches ? DRAW_INTERVAL_REDUCED_MS : DRAW_INTERVAL_MS;
  const isHurried = soonMs !== Infinity;
  // Half a frame early is nearer than a frame late.
  const dueMs = drawnMs + (isHurried ? intervalMs / 2 : intervalMs) - 8;
  if (document.hidden || frameMs < dueMs || (isHurried && frameMs < soonMs)) return;
  drawnMs = frameMs;
  if (isHurried) {
    hurriedMs = frameMs;
    soonMs = Infinity;
  }
  for (const draw of draws) draw();
  performance.mark("robometrics:draw");
  performance.clearMarks("robometrics:draw");
}

requestAnimationFrame(frame);
