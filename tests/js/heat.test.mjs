import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gridHeight, gridSummary, paintRow, parseRgb, shadesOf } from "../../robometrics/viz/heat.js";
import { Track } from "../../robometrics/viz/track.js";

const css = readFileSync(new URL("../../robometrics/viz/css/host.css", import.meta.url), "utf8");

/** Relative luminance, as WCAG has it: what is left of a colour to who sees no hues. */
const luminance = (rgb) => {
  const [red, green, blue] = rgb
    .map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

/** Machado et al. 2009, full severity: what red- and green-blind eyes see, on linear light; rows of a matrix. */
const BLIND = {
  protan: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deutan: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
};
const seenBy = (matrix) => (rgb) =>
  matrix.map((row) => Math.min(255, Math.max(0, row.reduce((sum, factor, i) => sum + factor * rgb[i], 0))));

const hexRgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const stops = [...css.matchAll(/--heat-\d: light-dark\((#\w{6}), (#\w{6})\)/g)];
const SCHEMES = { light: stops.map(([, light]) => hexRgb(light)), dark: stops.map(([, , dark]) => hexRgb(dark)) };

for (const [scheme, colors] of Object.entries(SCHEMES)) {
  test(`on ${scheme} ground busier is seen without hues, also by colour-blind eyes`, () => {
    assert.equal(colors.length, 5);
    const sign = scheme === "dark" ? 1 : -1;
    for (const see of [(rgb) => rgb, ...Object.values(BLIND).map(seenBy)]) {
      const shades = shadesOf(colors.map(see));
      const lights = Array.from({ length: 256 }, (_, i) => sign * luminance([...shades.slice(3 * i, 3 * i + 3)]));
      for (let i = 8; i < 256; i += 8) assert.ok(lights[i] > lights[i - 8], `${scheme} ${i}`);
      const ends = [Math.abs(lights[0]), Math.abs(lights[255])].toSorted((a, b) => a - b);
      assert.ok((ends[1] + 0.05) / (ends[0] + 0.05) > 4.5, "the ends are far apart");
    }
  });
}

test("a row is painted in shades, clear where nothing was measured, on across joined steps", () => {
  const shades = shadesOf([[0, 0, 0], [255, 255, 255]]);
  const pixels = new Uint8ClampedArray(2 * 4 * 4);
  paintRow(pixels, 1, [0, 100, undefined, null], 100, shades);
  assert.deepEqual([...pixels.slice(0, 16)], Array(16).fill(0), "the other row is left alone");
  assert.deepEqual([...pixels.slice(16)], [0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]);
});

test("what is beyond the scale has its last shade", () => {
  const pixels = new Uint8ClampedArray(8);
  paintRow(pixels, 0, [-5, 180], 100, shadesOf([[10, 10, 10], [200, 200, 200]]));
  assert.deepEqual([...pixels], [10, 10, 10, 255, 200, 200, 200, 255]);
});

test("a colour is read as browsers compute it", () => {
  assert.deepEqual(parseRgb("rgb(27, 35, 51)"), [27, 35, 51]);
  assert.deepEqual(parseRgb("rgba(1, 2, 3, 0.5)"), [1, 2, 3]);
});

test("2 to 256 cores each have room, and none needs more than a screen", () => {
  for (const rows of [2, 4, 8, 16, 32, 64, 128, 256]) {
    const px = gridHeight(rows);
    assert.ok(px >= 96 && px <= 768 && px / rows >= 2, `${rows} cores in ${px} px`);
  }
});

test("the summary names the busiest core and the mean of those there are", () => {
  const tracks = [10, 90, null].map((value) => {
    if (value === null) return undefined;
    const track = new Track(1000);
    track.set(1000, value, value, value + 5);
    return track;
  });
  assert.deepEqual(gridSummary(tracks, 0, 2000), { mean: 50, busiest: 1, max: 95 });
  assert.equal(gridSummary(tracks, 5000, 6000), null);
});
