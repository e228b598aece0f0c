/** Arrows move over the rows of a long table, also over those not rendered yet. */

import { useEffect, useRef } from "preact/hooks";

/** @type {Record<string, (at: number, count: number) => number>} */
const MOVES = {
  ArrowDown: (at) => at + 1,
  ArrowUp: (at) => at - 1,
  Home: () => 0,
  End: (_, count) => count - 1,
};

/**
 * @typedef {object} Rows
 * @property {import("preact").RefObject<HTMLElement | null>} frame scrolls, if the page does not
 * @property {import("preact").RefObject<HTMLElement | null>} body
 * @property {string[]} names of the rows, rendered or not
 * @property {number[]} offsets where each row begins
 */

/** @param {Rows} rows */
export function useRowKeys(rows) {
  const latest = useRef(rows);
  latest.current = rows;
  /** Focused as soon as it is there. */
  const awaited = useRef(/** @type {string | null} */ (null));
  /** Where one was: its row may have been scrolled away. */
  const left = useRef("");

  const focus = () => {
    const { body } = latest.current;
    const found = [...(body.current?.children ?? [])].find((row) => /** @type {HTMLElement} */ (row).dataset.host === awaited.current);
    if (!found) return;
    awaited.current = null;
    /** @type {HTMLElement | null} */ (found.querySelector("th a"))?.focus({ preventScroll: true });
  };
  useEffect(focus);
  useEffect(() => {
    const onKey = (/** @type {KeyboardEvent} */ event) => {
      const move = MOVES[event.key];
      const { body, names, offsets } = latest.current;
      if (!move || names.length === 0 || event.ctrlKey || event.metaKey || event.altKey || isBusy(event)) return;
      const on = document.activeElement?.closest("tr[data-host]");
      const isOnRow = on && body.current?.contains(on);
      const isOnWay = awaited.current !== null;
      if (!isOnRow && !isOnWay && event.key !== "ArrowDown") return;
      event.preventDefault();
      const from = names.indexOf(isOnRow && !isOnWay ? (/** @type {HTMLElement} */ (on).dataset.host ?? "") : left.current);
      const to = Math.min(names.length - 1, Math.max(0, move(from, names.length)));
      left.current = awaited.current = names[to];
      show(latest.current, offsets[to], offsets[to + 1]);
      focus();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

/** Whether the key is for what is focused; from the search down is into the rows. @param {KeyboardEvent} event */
function isBusy(event) {
  const target = event.target instanceof Element ? event.target : null;
  return !!target?.closest("input:not([data-search]), select, textarea, dialog, [role=tablist]");
}

/**
 * Scroll no further than needed.
 * @param {Rows} rows
 * @param {number} topPx of the row
 * @param {number} bottomPx
 */
function show({ frame, body }, topPx, bottomPx) {
  if (!frame.current || !body.current) return;
  const head = /** @type {HTMLElement | null} */ (body.current.previousElementSibling)?.offsetHeight ?? 0;
  const beginPx = body.current.getBoundingClientRect().top;
  const clip = frame.current.getBoundingClientRect();
  const [highPx, lowPx] = [Math.max(clip.top + head, BAR_PX), Math.min(clip.bottom, innerHeight)];
  const byPx = Math.min(0, beginPx + topPx - highPx) || Math.max(0, beginPx + bottomPx - lowPx);
  const before = frame.current.scrollTop;
  frame.current.scrollTop += byPx;
  scrollBy(0, byPx - (frame.current.scrollTop - before));
}

/** Height of the page's own bar, below which rows are hidden. */
const BAR_PX = 60;
