/**
 * The sections of a host's page: charts that have a name and a place, and whatever else
 * the host has, by what it is about. Pure.
 */

import { describe, instanceName, splitKey, storedKey } from "./catalogue.js";
import { shortNames } from "./labels.js";
import { GPU_PANELS, HOST_SECTIONS } from "./panels.js";
import { gpuId, hostId, seriesKey } from "./series.js";

/** @typedef {import("./views/panel.js").LineSpec} LineSpec */
/** @typedef {Record<string, string[]>} Contents instances of each stored metric; "" is the metric by its name alone */

/**
 * @typedef {object} PanelOf
 * @property {string} name
 * @property {string} title
 * @property {string} [hint]
 * @property {LineSpec[]} lines
 * @property {"lines" | "heat" | "meters"} [kind] how it is drawn; as lines
 */

/**
 * @typedef {object} Section
 * @property {string} id
 * @property {string} title
 * @property {PanelOf[]} panels
 * @property {PanelOf[]} more what is shown when asked for
 */

/** @typedef {Section & {isOpen: boolean}} ShownSection panels: all that are shown now */

/** More lines are no chart, and more cores no picture. */
const LINES_MAX = 64;
const CORES_MAX = 1_024;

/** Sections that are there without a chart. */
const TABLES = new Set(["processes", "events"]);

/** Groups of metrics, and the sections that are their place. */
const PLACES = new Map(
  HOST_SECTIONS.flatMap(({ id, groups = [] }) => [id, ...groups].map((group) => [group, id])),
);

/**
 * @param {string} host
 * @param {{own: Contents | null, gpus: Map<number, Contents>}} contents own null: not known, so that all that a host may have is shown
 * @param {{gpu: number, model: string}[]} gpus
 * @param {import("./catalogue.js").Catalogue} catalogue
 * @returns {Section[]} in the order of the page
 */
export function sectionsOf(host, { own, gpus: ofGpus }, gpus, catalogue) {
  const id = hostId(host);
  const sections = HOST_SECTIONS.map(({ id: name, title, panels = [] }) => ({
    id: name,
    title,
    panels: panels
      .map((spec) => ({ ...heading(spec), lines: linesOf(id, spec, own, catalogue) }))
      .filter(({ lines }) => lines.length > 0),
    more: /** @type {PanelOf[]} */ ([]),
  }));
  const byId = new Map(sections.map((section) => [section.id, section]));
  for (const metric of unnamed(own ?? {}, catalogue)) {
    const instances = own?.[storedKey(catalogue, metric)] ?? [];
    byId.get(placeOf(metric, catalogue))?.more.push(panelOf(id, metric, instances));
  }
  if (own) {
    byId.get("cpu")?.panels.splice(1, 0, ...coresPanel(id, own));
    byId.get("filesystem")?.panels.unshift(...mountsPanel(id, own));
  }
  Object.assign(byId.get("gpu") ?? {}, gpuPanels(host, gpus, ofGpus, catalogue));
  return sections.filter(({ id: name, panels, more }) => TABLES.has(name) || panels.length + more.length > 0);
}

/**
 * What of the sections is shown.
 * @param {Section[]} sections
 * @param {string[]} open those of which more is shown
 * @param {string} find words that a chart must have in its name, section, metrics or lines
 * @returns {ShownSection[]}
 */
export function shownOf(sections, open, find) {
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  /** @param {string} said */
  const fits = (said) => words.every((word) => said.toLowerCase().includes(word));
  return sections.flatMap((section) => {
    const isOpen = open.includes(section.id);
    if (words.length === 0 || fits(section.title)) {
      return [{ ...section, isOpen, panels: isOpen ? [...section.panels, ...section.more] : section.panels }];
    }
    const panels = [...section.panels, ...section.more].filter(({ title, lines }) =>
      fits([section.title, title, ...lines.flatMap(({ metric, label }) => [metric, label])].join(" ")),
    );
    return panels.length > 0 ? [{ ...section, isOpen, panels, more: [] }] : [];
  });
}

/** @param {ShownSection[]} sections @returns {import("./asking.js").Ask[]} */
export function asksIn(sections) {
  /** @type {Map<string, import("./asking.js").Ask>} */
  const asks = new Map();
  for (const { id, metric } of sections.flatMap(({ panels }) => panels.flatMap(({ lines }) => lines))) {
    const key = seriesKey(id);
    const ask = asks.get(key) ?? { ids: [id], metrics: [] };
    ask.metrics.push(metric);
    asks.set(key, ask);
  }
  return [...asks.values()];
}

/**
 * @param {string} host
 * @param {{gpu: number, model: string}[]} gpus
 * @param {Map<number, Contents>} contents by index; of one that is not there nothing is known
 * @param {import("./catalogue.js").Catalogue} catalogue
 * @returns {{panels: PanelOf[], more: PanelOf[]}} charts with a line for each GPU
 */
function gpuPanels(host, gpus, contents, catalogue) {
  /** @param {number} gpu @param {string} metric */
  const instancesOf = (gpu, metric) => {
    const known = contents.get(gpu);
    return known ? (known[storedKey(catalogue, metric)] ?? []) : [""];
  };
  /** @param {string} name @param {string} title @param {string | undefined} hint @param {string[]} metrics */
  const chart = (name, title, hint, metrics) => {
    const words = metrics.length > 1 ? shortNames(metrics.map(withoutUnit)) : [""];
    const lines = gpus.flatMap(({ gpu, model }) =>
      metrics.flatMap((metric, i) =>
        instancesOf(gpu, metric).map((instance) => ({
          id: gpuId(host, gpu),
          metric: keyOf(metric, instance),
          label: [gpus.length > 1 || !words[i] ? `${gpu} ${model}` : "", words[i], instanceName(instance)].filter(Boolean).join(" "),
        })),
      ),
    );
    return { name, title, hint, lines: lines.slice(0, LINES_MAX) };
  };
  const all = Object.fromEntries([...contents.values()].flatMap((each) => Object.entries(each)));
  // Limits of several GPUs would cover what matters.
  const specs = GPU_PANELS.map(({ limits = [], ...spec }) =>
    gpus.length > 1 ? spec : { ...spec, metrics: [...spec.metrics, ...limits] },
  );
  const named = new Set(specs.flatMap(({ metrics }) => metrics));
  const rest = drawable(all, catalogue).filter((metric) => !named.has(metric));
  const hasLines = (/** @type {PanelOf} */ { lines }) => lines.length > 0;
  return {
    panels: specs.map(({ id, title, hint, metrics }) => chart(id, title, hint, metrics)).filter(hasLines),
    more: rest.map((metric) => chart(metric, titleOf(metric), undefined, [metric])).filter(hasLines),
  };
}

/** @param {import("./series.js").SeriesId} id @param {Contents} contents @returns {PanelOf[]} */
function coresPanel(id, contents) {
  const cores = (contents.cpu_time_ns ?? []).filter(Boolean).slice(0, CORES_MAX);
  const lines = cores
    .toSorted((a, b) => Number(a) - Number(b))
    .map((core) => ({ id, metric: `cpu_percent:${core}`, label: core }));
  return lines.length > 1 ? [{ name: "cores", title: "CPU by core", lines, kind: "heat" }] : [];
}

/** @param {import("./series.js").SeriesId} id @param {Contents} contents @returns {PanelOf[]} */
function mountsPanel(id, contents) {
  const lines = (contents.filesystem_used_bytes ?? []).slice(0, LINES_MAX).flatMap((mount) =>
    ["used", "total"].map((part) => ({
      id,
      metric: `filesystem_${part}_bytes:${mount}`,
      label: instanceName(mount),
    })),
  );
  return lines.length > 0 ? [{ name: "mounts", title: "Used of total", lines, kind: "meters" }] : [];
}

/** @param {string} metric @param {string} instance */
const keyOf = (metric, instance) => (instance ? `${metric}:${instance}` : metric);

/** The axis has it. @param {string} metric */
const withoutUnit = (metric) =>
  metric.replace(/_(bytes_per_second|per_second|percent|bytes|celsius|watts|hertz|ns|flag|count|ppb|rpm)$/, "");

/** @param {string} metric */
function titleOf(metric) {
  const words = withoutUnit(metric).replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/**
 * @param {import("./panels.js").PanelSpec | import("./panels.js").InstancesSpec} spec
 * @returns {Pick<PanelOf, "name" | "title" | "hint">}
 */
const heading = ({ id, title, hint }) => ({ name: id, title, hint });

/**
 * @param {import("./series.js").SeriesId} id
 * @param {import("./panels.js").PanelSpec | import("./panels.js").InstancesSpec} spec
 * @param {Contents | null} contents
 * @param {import("./catalogue.js").Catalogue} catalogue
 * @returns {LineSpec[]}
 */
function linesOf(id, spec, contents, catalogue) {
  /** @param {string} metric */
  const instancesOf = (metric) => contents?.[storedKey(catalogue, metric)] ?? [];
  if ("each" in spec) {
    const instances = instancesOf(spec.each);
    const parts = instances.filter(Boolean);
    // The only disk is the total, which has its chart.
    return parts.length === 1 && instances.includes("") ? [] : panelOf(id, spec.each, parts).lines;
  }
  const metrics = spec.metrics.filter((metric) => contents === null || instancesOf(metric).includes(""));
  const labels = shortNames(metrics.map(withoutUnit));
  return metrics.map((metric, i) => ({ id, metric, label: labels[i] }));
}

/**
 * @param {import("./series.js").SeriesId} id
 * @param {string} metric
 * @param {string[]} instances
 * @returns {PanelOf}
 */
function panelOf(id, metric, instances) {
  const title = titleOf(metric);
  const lines = instances.slice(0, LINES_MAX).map((instance) => ({
    id,
    metric: keyOf(metric, instance),
    label: instanceName(instance) || (instances.length > 1 ? "total" : title.toLowerCase()),
  }));
  return { name: metric, title, lines };
}

/**
 * What can be drawn of what is stored: rates of counters, and gauges.
 * @param {Contents} contents
 * @param {import("./catalogue.js").Catalogue} catalogue
 * @returns {string[]}
 */
function drawable(contents, catalogue) {
  /** @type {Map<string, string[]>} */
  const rates = new Map();
  for (const { name, source } of catalogue.values()) {
    if (source) rates.set(source, [...(rates.get(source) ?? []), name]);
  }
  return Object.keys(contents)
    .toSorted()
    .flatMap((stored) => rates.get(stored) ?? [stored]);
}

/** @param {Contents} contents @param {import("./catalogue.js").Catalogue} catalogue what has no chart by name */
function unnamed(contents, catalogue) {
  const named = new Set(
    HOST_SECTIONS.flatMap(({ panels = [], shown = [] }) => [
      ...panels.flatMap((spec) => ("each" in spec ? [spec.each] : spec.metrics)),
      ...shown,
    ]),
  );
  return drawable(contents, catalogue).filter((metric) => !named.has(metric));
}

/** @param {string} metric @param {import("./catalogue.js").Catalogue} catalogue @returns {string} id of a section */
function placeOf(metric, catalogue) {
  const [name] = splitKey(metric);
  if (name.startsWith("filesystem_")) return "filesystem";
  return PLACES.get(describe(catalogue, name).group) ?? "other";
}
