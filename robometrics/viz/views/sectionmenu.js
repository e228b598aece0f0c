/** The menu of a page's sections: stays in sight, finds charts by name, says where one is. */

import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../dom.js";
import { withOwn } from "../route.js";
import { go, route } from "../state.js";
import { holdAt } from "./jump.js";

/** While someone types, nothing is asked of the server. */
const TYPING_MS = 250;

/** A section that is so far below the menu is already the one that is read. */
const SLACK_PX = 16;

/** @param {{sections: import("../sections.js").ShownSection[], find: string}} props */
export function SectionMenu({ sections, find }) {
  const nav = useRef(/** @type {HTMLElement | null} */ (null));
  const timer = useRef(0);
  const [inSight, setInSight] = useState(sections[0]?.id ?? "");
  const [held, setHeld] = useState("");
  const stopHolding = useRef(() => {});
  const here = sections.some(({ id }) => id === held) ? held : inSight;
  const ids = sections.map(({ id }) => id).join();
  const [hiddenPx, setHidden] = useState(0);
  useEffect(() => stickBelow(nav.current, setHidden), []);
  useEffect(() => watchSections(nav.current, hiddenPx + SLACK_PX, setInSight), [ids, hiddenPx]);
  useEffect(() => () => stopHolding.current(), []);
  useEffect(() => {
    if (nav.current) showLink(nav.current, here);
  }, [here]);

  /** @param {InputEvent} event */
  const type = (event) => {
    const { value } = /** @type {HTMLInputElement} */ (event.target);
    clearTimeout(timer.current);
    timer.current = setTimeout(
      () => go(withOwn(route.value, "find", value ? [value] : []), { replace: true }),
      TYPING_MS,
    );
  };
  /** @param {MouseEvent} event @param {string} id */
  const jump = (event, id) => {
    event.preventDefault();
    stopHolding.current();
    const section = document.getElementById(`section-${id}`);
    const around = [".bar", ".sectionmenu", ".detail"].flatMap((part) => document.querySelector(part) ?? []);
    if (!section) return;
    stopHolding.current = holdAt(section, around, () => setHeld(""));
    setHeld(id);
    document.getElementById(`heading-${id}`)?.focus({ preventScroll: true });
  };
  return html`
    <nav class="sectionmenu" aria-label="Sections" ref=${nav}>
      <input type="search" data-search placeholder="Find a chart (/)" aria-label="Find a chart"
        value=${find} onInput=${type} />
      <ul>
        ${sections.map(
          ({ id, title }) => html`
            <li key=${id}>
              <a href=${`#section-${id}`} data-to=${id} aria-current=${id === here ? "true" : null}
                onClick=${(/** @type {MouseEvent} */ event) => jump(event, id)}>${title}</a>
            </li>
          `,
        )}
      </ul>
    </nav>
  `;
}

/**
 * Keep the menu below the bar, whose height depends on the width of the page.
 * @param {HTMLElement | null} nav
 * @param {(hiddenPx: number) => void} onHidden how much of the page's top both cover
 */
function stickBelow(nav, onHidden) {
  const bar = document.querySelector(".bar");
  if (!nav || !bar) return undefined;
  const root = document.documentElement.style;
  const measure = () => {
    const [barPx, menuPx] = [bar, nav].map((element) => element.getBoundingClientRect().height);
    root.setProperty("--bar-height", `${barPx}px`);
    root.setProperty("--menu-height", `${menuPx}px`);
    onHidden(Math.ceil(barPx + menuPx));
  };
  const resizes = new ResizeObserver(measure);
  resizes.observe(bar);
  resizes.observe(nav);
  return () => resizes.disconnect();
}

/**
 * Follow which section is at the top.
 * @param {HTMLElement | null} nav
 * @param {number} hiddenPx
 * @param {(id: string) => void} onHere
 */
function watchSections(nav, hiddenPx, onHere) {
  const sections = [...(nav?.parentElement?.querySelectorAll("[data-section]") ?? [])];
  /** @type {Set<Element>} */
  const inSight = new Set();
  const sight = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) inSight.add(target);
        else inSight.delete(target);
      }
      const first = sections.find((section) => inSight.has(section));
      if (first instanceof HTMLElement) onHere(first.dataset.section ?? "");
    },
    { rootMargin: `-${hiddenPx}px 0px 0px 0px` },
  );
  for (const section of sections) sight.observe(section);
  return () => sight.disconnect();
}

/** On a phone the menu is a strip that scrolls. @param {HTMLElement} nav @param {string} id */
function showLink(nav, id) {
  const link = nav.querySelector('[aria-current="true"]');
  const list = link?.closest("ul");
  if (!(link instanceof HTMLElement) || !list || link.dataset.to !== id) return;
  const middle = link.offsetLeft - list.offsetLeft - (list.clientWidth - link.offsetWidth) / 2;
  list.scrollTo({ left: middle });
}
