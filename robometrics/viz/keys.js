/** The keyboard: what each key does, for the handler and for the sheet that lists them. */

import { signal } from "@preact/signals";
import { nowMs } from "./clock.js";
import { DEFAULT_RANGE, QUICK, isLive, parseSpan, shifted, zoomedIn, zoomedOut } from "./range.js";
import { goneTo } from "./route.js";
import { go, pausedMs, route, setRange } from "./state.js";
import { nextTheme } from "./theme.js";

/** Whether the sheet of keys is shown. */
export const isSheetOpen = signal(false);

/** @typedef {{keys: string[], does: string, act: (key: string) => void}} Binding */

export function togglePause() {
  if (!isLive(route.value.range)) setRange(DEFAULT_RANGE);
  else pausedMs.value = pausedMs.value === null ? nowMs() : null;
}

/** @param {number} share */
const shift = (share) => setRange(shifted(route.value.range, share, nowMs()));

/** @type {Binding[]} */
export const BINDINGS = [
  { keys: ["?"], does: "show or hide these keys", act: () => (isSheetOpen.value = !isSheetOpen.value) },
  { keys: ["/"], does: "search", act: () => search()?.focus() },
  { keys: [" "], does: "pause, or back to live; nothing is lost", act: togglePause },
  { keys: ["ArrowLeft", "a"], does: "earlier", act: () => shift(-0.5) },
  { keys: ["ArrowRight", "d"], does: "later", act: () => shift(0.5) },
  { keys: ["+", "=", "w"], does: "closer", act: () => setRange(zoomedIn(route.value.range, nowMs())) },
  { keys: ["-", "s"], does: "farther", act: () => setRange(zoomedOut(route.value.range, nowMs())) },
  { keys: ["l"], does: "live", act: () => setRange(DEFAULT_RANGE) },
  {
    keys: QUICK.map((_, i) => String(i + 1)),
    does: `the last ${QUICK.join(", ")}`,
    act: (key) => setRange({ spanMs: parseSpan(QUICK[Number(key) - 1]) }),
  },
  { keys: ["h"], does: "the fleet", act: () => go(goneTo(route.value, "fleet")) },
  { keys: ["e"], does: "explore", act: () => go(goneTo(route.value, "explore")) },
  { keys: ["u"], does: "UTC or local time", act: () => go({ ...route.value, isUtc: !route.value.isUtc }, { replace: true }) },
  { keys: ["t"], does: "dark, light, or as the system", act: nextTheme },
  { keys: ["k"], does: "charts alone, for a screen on a wall", act: () => go({ ...route.value, isKiosk: !route.value.isKiosk }, { replace: true }) },
  { keys: ["Escape"], does: "close", act: () => (isSheetOpen.value = false) },
];

/** @returns {HTMLElement | null} */
const search = () => document.querySelector("[data-search]");

/** Handle keys from now on; never those typed into a field, nor those of the browser. */
export function listen() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    const binding = BINDINGS.find(({ keys }) => keys.includes(event.key));
    if (!binding) return;
    event.preventDefault();
    binding.act(event.key);
  });
}

/** @param {KeyboardEvent} event */
function isTyping(event) {
  const target = event.target instanceof Element ? event.target : null;
  if (event.key === "Escape") return false;
  if (target?.closest("input, select, textarea, dialog")) return true;
  // Space and arrows belong to what is focused, if it does something with them.
  return [" ", "ArrowLeft", "ArrowRight"].includes(event.key) && !!target?.closest("button, a, summary, [role=slider]");
}
