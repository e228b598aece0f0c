/** A small line without axes: the shape of the last minutes, drawn by hand as there are many. */

import { cssColor } from "./theme.js";

/**
 * @param {HTMLCanvasElement} canvas takes its size from CSS
 * @param {import("./track.js").Track | undefined} track
 * @param {number} fromMs
 * @param {number} toMs
 * @param {{topMin: number, color: string}} style least top of the scale, and a CSS variable
 */
export function drawSparkline(canvas, track, fromMs, toMs, { topMin, color }) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((px) => Math.round(px * devicePixelRatio));
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  if (!context) return;
  context.clearRect(0, 0, width, height);
  if (!track) return;
  /** @type {(number | null | undefined)[]} */
  const values = [];
  track.read(fromMs, Math.ceil((toMs - fromMs) / track.stepMs) + 1, 2, values);
  const top = Math.max(topMin, track.summary(fromMs, toMs)?.max ?? 0) * 1.05;
  const x = (/** @type {number} */ i) => (i / Math.max(1, values.length - 1)) * width;
  const y = (/** @type {number} */ value) => height - 1 - (value / top) * (height - 2);
  context.beginPath();
  let isDown = false;
  values.forEach((value, i) => {
    if (value === undefined) return;
    if (value === null) isDown = false;
    else if (isDown) context.lineTo(x(i), y(value));
    else {
      context.moveTo(x(i), y(value));
      isDown = true;
    }
  });
  context.strokeStyle = cssColor(color);
  context.lineWidth = devicePixelRatio;
  context.stroke();
}
