/** A chart as it stands, as a picture: with its name above and its lines named below. */

import { DASHES } from "../palette.js";
import { cssColor } from "../theme.js";

const MARGIN_PX = 12;
const TITLE_PX = 26;
const ROW_PX = 18;
const SWATCH_PX = 16;

/** More names than this would be larger than the chart. */
const NAMES_MAX = 16;

/**
 * @param {HTMLElement} panel
 * @param {string} title
 * @param {(import("../chart.js").Line & {label: string})[]} lines
 * @returns {HTMLCanvasElement}
 */
export function pictureOf(panel, title, lines) {
  const chart = /** @type {HTMLCanvasElement} */ (panel.querySelector(".plot canvas"));
  const ratio = chart.width / chart.clientWidth;
  const named = lines.slice(0, NAMES_MAX);
  const picture = document.createElement("canvas");
  picture.width = chart.width + 2 * MARGIN_PX * ratio;
  picture.height = chart.height + (2 * MARGIN_PX + TITLE_PX + ROW_PX * named.length) * ratio;
  const context = /** @type {CanvasRenderingContext2D} */ (picture.getContext("2d"));
  const { backgroundColor, color } = getComputedStyle(panel);
  context.fillStyle = backgroundColor;
  context.fillRect(0, 0, picture.width, picture.height);
  context.drawImage(chart, MARGIN_PX * ratio, (MARGIN_PX + TITLE_PX) * ratio);
  context.scale(ratio, ratio);
  context.textBaseline = "middle";
  context.fillStyle = color;
  context.font = "600 14px system-ui, sans-serif";
  context.fillText(title, MARGIN_PX, MARGIN_PX + TITLE_PX / 3);
  context.font = "12px system-ui, sans-serif";
  const topPx = MARGIN_PX + TITLE_PX + chart.clientHeight;
  named.forEach(({ label, paint }, i) => {
    const y = topPx + ROW_PX * (i + 0.5);
    context.strokeStyle = cssColor(`--series-${paint.color}`);
    context.lineWidth = 2;
    context.setLineDash(DASHES[paint.dash]);
    context.beginPath();
    context.moveTo(MARGIN_PX, y);
    context.lineTo(MARGIN_PX + SWATCH_PX, y);
    context.stroke();
    context.fillText(label, MARGIN_PX + SWATCH_PX + 8, y);
  });
  return picture;
}
