/** Which part of a long list is in sight, however it is scrolled. */

import { useEffect, useState } from "preact/hooks";

/** Looked at in steps, so that not each pixel of scrolling renders anew. */
const STEP_PX = 240;

/**
 * @param {import("preact").RefObject<HTMLElement | null>} list
 * @param {import("preact").RefObject<HTMLElement | null>} frame scrolls, if the page does not
 * @returns {{topPx: number, bottomPx: number}} from the beginning of the list
 */
export function useSight(list, frame) {
  const [sight, setSight] = useState({ topPx: 0, bottomPx: 0 });
  const look = () => {
    if (!list.current || !frame.current) return;
    const { top } = list.current.getBoundingClientRect();
    const clip = frame.current.getBoundingClientRect();
    const topPx = STEP_PX * Math.floor((Math.max(0, clip.top) - top) / STEP_PX);
    const bottomPx = STEP_PX * Math.ceil((Math.min(innerHeight, clip.bottom) - top) / STEP_PX);
    setSight((before) => (before.topPx === topPx && before.bottomPx === bottomPx ? before : { topPx, bottomPx }));
  };
  useEffect(look);
  useEffect(() => {
    document.addEventListener("scroll", look, { capture: true, passive: true });
    addEventListener("resize", look);
    return () => {
      document.removeEventListener("scroll", look, { capture: true });
      removeEventListener("resize", look);
    };
  }, []);
  return sight;
}
