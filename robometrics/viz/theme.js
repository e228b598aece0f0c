/** Dark, light, or as the system has it; and the colours of it that a canvas needs. */

import { signal } from "@preact/signals";

/** @typedef {"system" | "dark" | "light"} Theme */

const KEY = "robometrics.theme";
const THEMES = /** @type {Theme[]} */ (["system", "dark", "light"]);
const dark = matchMedia("(prefers-color-scheme: dark)");

/** As chosen. @type {import("@preact/signals").Signal<Theme>} */
export const theme = signal(remembered());

/** Grows when colours change: canvases draw anew. */
export const paletteVersion = signal(0);

/** @returns {Theme} */
function remembered() {
  const found = /** @type {Theme} */ (document.documentElement.dataset.theme ?? "system");
  return THEMES.includes(found) ? found : "system";
}

/** @param {Theme} chosen */
export function setTheme(chosen) {
  theme.value = chosen;
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // A browser that keeps nothing forgets it with the page.
  }
  paletteVersion.value += 1;
}

export const nextTheme = () =>
  setTheme(THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]);

dark.addEventListener("change", () => {
  paletteVersion.value += 1;
});

/** @param {string} variable CSS custom property @returns {string} its colour now */
export const cssColor = (variable) =>
  getComputedStyle(document.documentElement).getPropertyValue(variable).trim();

/** @param {string} color @param {number} percent how much of it is left */
export const faded = (color, percent) => `color-mix(in srgb, ${color} ${percent}%, transparent)`;
