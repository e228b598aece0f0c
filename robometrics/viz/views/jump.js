/** A jump to a part of the page that stays there while what is above it still grows. */

/** Less is rounding. */
const NEAR_PX = 2;

/**
 * Scroll to *target*, and again whenever what is *around* it gets another size, until someone scrolls.
 * @param {Element} target
 * @param {Element[]} around what decides where it lies
 * @param {() => void} onLeft someone scrolled
 * @returns {() => void} ends it
 */
export function holdAt(target, around, onLeft) {
  let [topPx, scrolledPx] = [0, 0];
  const settle = () => {
    target.scrollIntoView();
    topPx = target.getBoundingClientRect().top;
    scrolledPx = scrollY;
  };
  const look = () => {
    // What grew moves the target, and the browser's own amends move the page: people move both.
    const isMoved = Math.abs(target.getBoundingClientRect().top - topPx) > NEAR_PX;
    if (!isMoved || Math.abs(scrollY - scrolledPx) <= NEAR_PX) return;
    stop();
    onLeft();
  };
  const resizes = new ResizeObserver(settle);
  const stop = () => {
    resizes.disconnect();
    removeEventListener("scroll", look);
  };
  settle();
  for (const each of around) resizes.observe(each);
  addEventListener("scroll", look, { passive: true });
  return stop;
}
