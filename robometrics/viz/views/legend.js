/** The lines of a chart, each with its colour, name and numbers: a table that draws itself. */

import { DASHES } from "../palette.js";

/** More rows are not shown: nobody reads them, and each costs a layout. */
const ROWS_MAX = 50;

/** @typedef {import("../chart.js").Line & {label: string}} NamedLine */

/** @typedef {"label" | "now" | "min" | "mean" | "max"} By */

const HEADS = /** @type {[By, string][]} */ ([
  ["label", "Line"],
  ["now", "Last"],
  ["min", "Min"],
  ["mean", "Mean"],
  ["max", "Max"],
]);

/**
 * @typedef {object} Row
 * @property {HTMLTableRowElement} element
 * @property {HTMLElement} swatch
 * @property {HTMLElement[]} cells now, min, mean, max
 */

export class Legend {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  #root;
  #style;
  #body;
  #newest;

  /** @type {number | null} */
  #pointMs = null;

  /** Lines that are not drawn. @type {Set<string>} */
  #off = new Set();

  /** @type {By} */
  #by = "label";
  #isUp = true;

  /** Grows when something was chosen: the chart draws anew. */
  version = 0;

  /** @param {HTMLElement} root @param {import("../units.js").UnitStyle} style */
  constructor(root, style) {
    this.#root = root;
    this.#style = style;
    const table = element("table");
    const head = element("tr");
    for (const [by, text] of HEADS) head.append(this.#head(by, text));
    this.#body = element("tbody");
    const thead = element("thead");
    thead.append(head);
    table.append(thead, this.#body);
    root.replaceChildren(table);
    this.#newest = /** @type {HTMLElement} */ (head.querySelector('[data-by="now"] button'));
  }

  /** @param {By} by @param {string} text */
  #head(by, text) {
    const cell = element("th");
    cell.scope = "col";
    const button = element("button");
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", () => {
      this.#isUp = this.#by === by ? !this.#isUp : by === "label";
      this.#by = by;
      this.version += 1;
    });
    cell.append(button);
    cell.dataset.by = by;
    return cell;
  }

  /** @param {NamedLine[]} lines @returns {NamedLine[]} those to be drawn */
  shown(lines) {
    const on = lines.filter(({ key }) => !this.#off.has(key));
    return on.length > 0 ? on : lines;
  }

  /**
   * Show values of this time; null: the newest.
   * @param {number | null} timeMs
   * @returns {boolean} whether that is another time
   */
  point(timeMs) {
    const isOther = timeMs !== this.#pointMs;
    this.#pointMs = timeMs;
    return isOther;
  }

  /** @param {string | null} key */
  highlight(key) {
    for (const [each, { element }] of this.#rows) {
      element.toggleAttribute("data-near", each === key);
    }
  }

  /**
   * @param {NamedLine[]} lines
   * @param {number} fromMs
   * @param {number} toMs
   * @param {boolean} isNow whether the newest values are the present ones
   * @returns {string} the same in words; empty: there is no value
   */
  update(lines, fromMs, toMs, isNow) {
    setText(this.#newest, isNow ? "Now" : "Last");
    const read = lines.map((line) => ({ line, ...this.#numbers(line, fromMs, toMs) }));
    read.sort((a, b) => this.#compare(a, b));
    const kept = read.slice(0, ROWS_MAX);
    const keys = new Set(kept.map(({ line }) => line.key));
    for (const [key, { element }] of this.#rows) {
      if (keys.has(key)) continue;
      element.remove();
      this.#rows.delete(key);
    }
    kept.forEach(({ line, now, min, mean, max }, i) => {
      const row = this.#rows.get(line.key) ?? this.#makeRow(line);
      [now, min, mean, max].forEach((value, n) => setText(row.cells[n], this.#style.format(value)));
      row.element.toggleAttribute("data-off", this.#off.has(line.key));
      paint(row.swatch, line.paint);
      if (this.#body.children[i] !== row.element) {
        this.#body.insertBefore(row.element, this.#body.children[i] ?? null);
      }
    });
    const told = kept.filter(({ max }) => max !== null).slice(0, 5);
    return told
      .map(({ line, now, min, max }) => `${line.label} ${this.#style.format(now)}, min ${this.#style.format(min)}, max ${this.#style.format(max)}`)
      .join("; ");
  }

  /** @param {NamedLine} line @param {number} fromMs @param {number} toMs */
  #numbers({ track }, fromMs, toMs) {
    const summary = track?.summary(fromMs, toMs) ?? null;
    const { min = null, mean = null, max = null } = summary ?? {};
    const pointed = this.#pointMs === null ? null : track?.summary(this.#pointMs, this.#pointMs);
    const now = this.#pointMs === null ? (summary && (track?.last?.value ?? null)) : (pointed?.mean ?? null);
    return { now, min, mean, max };
  }

  /** @param {any} a @param {any} b */
  #compare(a, b) {
    const up = this.#isUp ? 1 : -1;
    if (this.#by === "label") {
      return up * a.line.label.localeCompare(b.line.label, undefined, { numeric: true });
    }
    return up * ((a[this.#by] ?? -Infinity) - (b[this.#by] ?? -Infinity));
  }

  /** @param {NamedLine} line @returns {Row} */
  #makeRow({ key, label }) {
    const row = element("tr");
    const name = element("th");
    name.scope = "row";
    const button = element("button");
    button.type = "button";
    button.title = "Only this line, or all; with Ctrl: this line or not";
    button.addEventListener("click", (event) => this.#choose(key, event.ctrlKey || event.metaKey));
    const swatch = element("span");
    swatch.className = "swatch";
    swatch.setAttribute("aria-hidden", "true");
    const text = element("span");
    text.textContent = label;
    button.append(swatch, text);
    name.append(button);
    const cells = HEADS.slice(1).map(() => element("td"));
    row.append(name, ...cells);
    const made = { element: row, swatch, cells };
    this.#rows.set(key, made);
    return made;
  }

  /** @param {string} key @param {boolean} isToggled */
  #choose(key, isToggled) {
    const keys = [...this.#rows.keys()];
    const isAlone = keys.every((each) => this.#off.has(each) === (each !== key));
    if (isToggled) {
      if (!this.#off.delete(key)) this.#off.add(key);
    } else {
      this.#off = new Set(isAlone ? [] : keys.filter((each) => each !== key));
    }
    this.version += 1;
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} name
 */
const element = (name) => document.createElement(name);

/** Other lines beside it may change the colour of one. @param {HTMLElement} swatch @param {import("../palette.js").Paint} paint */
function paint(swatch, { color, dash }) {
  const isDashed = String(DASHES[dash].length > 0);
  if (swatch.dataset.color !== String(color)) swatch.dataset.color = String(color);
  if (swatch.dataset.dash !== isDashed) swatch.dataset.dash = isDashed;
}

/** @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
