/** From a batch of counters and gauges to the samples of one metric. Pure. */

import { describe, isOfAll, splitKey, storedKey } from "./catalogue.js";

/**
 * The JSON form of Batch of robometrics/schema/batches.py.
 * @typedef {object} Batch
 * @property {"process" | "host" | "gpu"} kind
 * @property {string} host
 * @property {string} [process]
 * @property {number} [index]
 * @property {string} run
 * @property {number} [generation]
 * @property {number} slot seconds since the Unix epoch
 * @property {number} interval_ns
 * @property {number[]} offset_ns
 * @property {Record<string, (number | null)[]>} metrics
 * @property {{offset_ns: number, counters: Record<string, number>}} [previous]
 */

/** @typedef {{timeMs: number, value: number}} Sample NaN: it could not be read */

const MS_PER_SECOND = 1000;

/**
 * Samples of a metric by name; none if the batch does not carry it.
 * @param {Batch} batch
 * @param {import("./catalogue.js").Catalogue} catalogue
 * @param {string} key
 * @returns {Sample[]}
 */
export function samplesOf(batch, catalogue, key) {
  const { kind, scale } = describe(catalogue, key);
  const stored = storedKey(catalogue, key);
  if (isOfAll(key)) return highest(batch, stored);
  return kind === "rate" ? rate(batch, stored, scale ?? 1) : gauge(batch, stored);
}

/**
 * Shorter steps are taken together: the kernel brings the CPU clock of a process that runs
 * up to date at its own tick, every 4 ms or so. As in robometrics/queries/stretches.py.
 */
const STRETCH_MS = 40;

/**
 * How fast a counter grew up to each reading, from its readings at the two ends.
 * @param {Batch} batch
 * @param {string} key
 * @param {number} scale units per unit of the counter, each second
 * @returns {Sample[]}
 */
export function rate(batch, key, scale) {
  const first = batch.previous?.counters[key];
  let before =
    first == null || !batch.previous
      ? null
      : { timeMs: timeMs(batch, batch.previous.offset_ns), value: first };

  /** @type {Sample[]} */
  const samples = [];
  /** @type {Step[]} neighbours, none of which is a reset */
  let steps = [];
  for (const counter of gauge(batch, key)) {
    if (Number.isNaN(counter.value)) {
      samples.push(counter);
      continue;
    }
    // The first reading of a run has nothing before it, hence no rate.
    if (before) {
      const sample = { timeMs: counter.timeMs, value: NaN };
      samples.push(sample);
      if (counter.value >= before.value && counter.timeMs > before.timeMs) {
        steps.push({ before, after: counter, sample });
      } else {
        // A counter that went back is not a rate of anything.
        setRates(steps, scale);
        steps = [];
      }
    }
    before = counter;
  }
  setRates(steps, scale);
  return samples;
}

/** @typedef {{before: Sample, after: Sample, sample: Sample}} Step its sample gets the rate */

/**
 * Steps that are too short all together have none.
 * @param {Step[]} steps each begins where the one before it ends
 * @param {number} scale
 */
function setRates(steps, scale) {
  const endMs = steps.at(-1)?.after.timeMs ?? 0;
  let from = 0;
  for (const [at, { after }] of steps.entries()) {
    const { before } = steps[from];
    const isLast = at === steps.length - 1;
    const takenMs = after.timeMs - before.timeMs;
    // What would be left over is too short on its own.
    if (takenMs < STRETCH_MS || (!isLast && endMs - after.timeMs < STRETCH_MS)) continue;
    const value = ((after.value - before.value) / takenMs) * MS_PER_SECOND * scale;
    for (const { sample } of steps.slice(from, at + 1)) sample.value = value;
    from = at + 1;
  }
}

/**
 * Readings of one metric; none if the batch does not carry it.
 * @param {Batch} batch
 * @param {string} key
 * @returns {Sample[]}
 */
export function gauge(batch, key) {
  const column = batch.metrics[key] ?? [];
  // A column of one value was read once in the slot, at its last sample.
  const skipped = batch.offset_ns.length - column.length;
  return column.map((value, i) => ({
    timeMs: timeMs(batch, batch.offset_ns[skipped + i]),
    value: value ?? NaN,
  }));
}

/**
 * The highest of all instances of a metric at each time.
 * @param {Batch} batch
 * @param {string} name
 * @returns {Sample[]}
 */
export function highest(batch, name) {
  /** @type {Map<number, Sample>} */
  const found = new Map();
  for (const key of Object.keys(batch.metrics)) {
    if (splitKey(key)[0] !== name) continue;
    for (const sample of gauge(batch, key)) {
      const before = found.get(sample.timeMs);
      if (!before || sample.value > before.value || Number.isNaN(before.value)) found.set(sample.timeMs, sample);
    }
  }
  return [...found.values()];
}

/**
 * In ms, as ns since the epoch do not fit a double.
 * @param {Batch} batch
 * @param {number} offsetNs
 */
function timeMs(batch, offsetNs) {
  return batch.slot * MS_PER_SECOND + offsetNs / 1e6;
}
