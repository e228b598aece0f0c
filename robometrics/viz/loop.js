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

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
let isFrameAsked = false;

/**
 * Call *draw* from now on, at most four times a second and not while hidden.
 * @param {() => void} draw
 * @returns {() => void} ends it
 */
export function onDraw(draw) {
  draws.add(draw);
  // The next frame draws: a chart that just appeared should not stay empty.
  drawnMs = -Infinity;
  plan();
  return () => draws.delete(draw);
}

/**
 * Batches came. They do so once a second: the loop keeps its rate, but moves its beat, so
 * that what is new is seen at once and not up to a beat later.
 */
export function drawSoon() {
  const nowMs = performance.now();
  if (soonMs !== Infinity || nowMs - hurriedMs < HURRY_INTERVAL_MS) return;
  soonMs = nowMs + GATHER_MS;
  plan();
}

function dueMs() {
  const intervalMs = reducedMotion.matches ? DRAW_INTERVAL_REDUCED_MS : DRAW_INTERVAL_MS;
  // Half a frame early is nearer than a frame late.
  if (soonMs === Infinity) return drawnMs + intervalMs - 8;
  return Math.max(soonMs, drawnMs + intervalMs / 2 - 8);
}

/** Ask for a frame once a draw is due: every frame costs, also one in which nothing is drawn. */
function plan() {
  clearTimeout(timer);
  const restMs = dueMs() - performance.now();
  if (restMs > 0) timer = setTimeout(plan, restMs);
  else if (!isFrameAsked) {
    isFrameAsked = true;
    requestAnimationFrame(frame);
  }
}

function frame() {
  isFrameAsked = false;
  const nowMs = performance.now();
  if (!document.hidden && nowMs >= dueMs()) {
    drawnMs = nowMs;
    if (soonMs !== Infinity) hurriedMs = nowMs;
    soonMs = Infinity;
    for (const draw of draws) draw();
    performance.mark("robometrics:draw");
    performance.clearMarks("robometrics:draw");
  }
  plan();
}
