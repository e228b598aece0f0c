/** The table of a host's processes: which rows, in which order, how deep. Pure. */

/** @typedef {import("./api.js").Process} Process */

/**
 * @typedef {object} Column
 * @property {string} id as the address has it
 * @property {string} title
 * @property {string} [hint]
 * @property {boolean} [isNumber] set to the right
 * @property {string[]} [metrics] of the newest values, sorted from the greatest, which add up; the first of *either* that is there
 * @property {boolean} [isEither]
 * @property {boolean} [isGpu] only where there is one
 */

/** @type {Column[]} */
export const COLUMNS = [
  { id: "state", title: "State" },
  { id: "name", title: "Process" },
  { id: "pid", title: "PID", isNumber: true },
  { id: "cpu", title: "CPU", isNumber: true, metrics: ["cpu_percent"], hint: "100 % is one core" },
  { id: "memory", title: "Memory", isNumber: true, metrics: ["memory_rss_bytes"] },
  {
    id: "gpu",
    title: "GPU",
    isNumber: true,
    isGpu: true,
    isEither: true,
    metrics: ["gpu_utilization_percent", "gpu_time_percent"],
  },
  { id: "gpumem", title: "GPU memory", isNumber: true, isGpu: true, metrics: ["gpu_memory_used_bytes"] },
  { id: "threads", title: "Threads", isNumber: true, metrics: ["thread_count"] },
  {
    id: "io",
    title: "I/O",
    isNumber: true,
    metrics: ["io_read_bytes_per_second", "io_write_bytes_per_second"],
    hint: "read and written",
  },
  { id: "since", title: "Up", isNumber: true, hint: "time since its start" },
  { id: "exit", title: "Last exit" },
];

/** @typedef {{column: string, isDown: boolean}} Sorting */

/** As the server has them: running first, then by name. @type {Sorting} */
export const USUAL = { column: "state", isDown: false };

/** @param {string | undefined} text `cpu`, or `-cpu` from the greatest @returns {Sorting} */
export function sortingFrom(text = "") {
  const isDown = text.startsWith("-");
  const column = isDown ? text.slice(1) : text;
  return COLUMNS.some(({ id }) => id === column) ? { column, isDown } : USUAL;
}

/** @param {Sorting} sorting @returns {string[]} as the address has it; none: the usual one */
export const sortingText = ({ column, isDown }) =>
  column === USUAL.column && isDown === USUAL.isDown ? [] : [`${isDown ? "-" : ""}${column}`];

/**
 * What a click on the head of a column makes of the sorting.
 * @param {Sorting} before
 * @param {string} column
 * @returns {Sorting}
 */
export function sortedBy(before, column) {
  if (before.column === column) return { column, isDown: !before.isDown };
  return { column, isDown: COLUMNS.some(({ id, metrics }) => id === column && metrics) };
}

/**
 * Whether a name is wanted.
 * @param {string} text part of a name, or `/a pattern/`
 * @returns {{isWanted: (name: string) => boolean, problem: string}}
 */
export function nameFilter(text) {
  const [, pattern] = /^\/(.+?)\/?$/.exec(text) ?? [];
  if (pattern === undefined) {
    const wanted = text.toLowerCase();
    return { isWanted: (name) => name.toLowerCase().includes(wanted), problem: "" };
  }
  try {
    const regex = new RegExp(pattern, "i");
    return { isWanted: (name) => regex.test(name), problem: "" };
  } catch (error) {
    return { isWanted: () => true, problem: error instanceof Error ? error.message : String(error) };
  }
}

const STATES = ["running", "stale", "exited"];
const byText = new Intl.Collator(undefined, { numeric: true }).compare;

/** @type {Record<string, (row: Process) => string | number | null>} */
const FACTS = {
  state: ({ state }) => STATES.indexOf(state),
  name: ({ process }) => process,
  pid: ({ pid }) => pid,
  // The youngest has been up for the shortest time.
  since: ({ started_ms, state }) => (started_ms === null || state === "exited" ? null : -started_ms),
  exit: ({ exit_code }) => exit_code,
};

/**
 * Rows in order; what has no value comes last, whichever way it goes.
 * @param {Process[]} rows
 * @param {Sorting} sorting
 * @param {(row: Process, column: string) => number | null} valueOf newest value of a column with metrics
 * @returns {Process[]}
 */
export function sorted(rows, { column, isDown }, valueOf) {
  const fact = FACTS[column] ?? ((/** @type {Process} */ row) => valueOf(row, column));
  const keyed = rows.map((row) => ({ row, key: fact(row) }));
  const sign = isDown ? -1 : 1;
  keyed.sort(({ row: a, key: left }, { row: b, key: right }) => {
    const byName = byText(a.process, b.process);
    if (left === null || right === null) return Number(left === null) - Number(right === null) || byName;
    const order = typeof left === "string" ? byText(left, String(right)) : left - Number(right);
    return sign * order || byName;
  });
  return keyed.map(({ row }) => row);
}

/**
 * @typedef {object} Placed
 * @property {Process} row
 * @property {number} depth
 * @property {boolean} isContext there for what is below it
 */

/**
 * Each below the one that started it, siblings in their order.
 * @param {Process[]} rows in order
 * @param {(name: string) => boolean} isWanted
 * @returns {Placed[]} what is wanted, and what leads there
 */
export function treeOf(rows, isWanted) {
  const byName = new Map(rows.map((row) => [row.process, row]));
  /** @type {Map<Process | null, Process[]>} */
  const children = new Map();
  for (const row of rows) {
    const parent = rootless(row, byName) ? null : (byName.get(row.parent ?? "") ?? null);
    children.set(parent, [...(children.get(parent) ?? []), row]);
  }
  /** @param {Process} row @param {number} depth @returns {Placed[]} */
  const below = (row, depth) => {
    const inner = (children.get(row) ?? []).flatMap((child) => below(child, depth + 1));
    const isContext = !isWanted(row.process);
    return isContext && inner.length === 0 ? [] : [{ row, depth, isContext }, ...inner];
  };
  return (children.get(null) ?? []).flatMap((row) => below(row, 0));
}

/** Whether the way up ends where it began: then none of them is above. @param {Process} row @param {Map<string, Process>} byName */
function rootless(row, byName) {
  const seen = new Set([row]);
  let above = byName.get(row.parent ?? "");
  while (above && !seen.has(above)) {
    seen.add(above);
    above = byName.get(above.parent ?? "");
  }
  return above === row;
}
