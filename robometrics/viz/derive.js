/** From a batch of counters and gauges to what a chart shows. Pure. */

/**
 * The JSON form of robometrics/schema.py's Batch.
 * @typedef {object} Batch
 * @property {"process" | "host" | "gpu"} kind
 * @property {string} host
 * @property {string} [process]
 * @property {string} run
 * @property {number} [generation]
 * @property {number} slot seconds since the Unix epoch
 * @property {number} interval_ns
 * @property {number[]} offset_ns
 * @property {Record<string, (number | null)[]>} metrics
 * @property {{offset_ns: number, counters: Record<string, number>}} [previous]
 */

/** @typedef {{timeMs: number, value: number}} Sample NaN: it could not be read */

/** Of ns of CPU time per ms: 100 is one core. */
const PERCENT_PER_NS_PER_MS = 1e-4;

/** A step longer than this many intervals is a gap, not a late tick. */
const GAP_INTERVALS = 2.5;

const SLOT_MS = 1000;

/**
 * CPU use over each step, from the CPU time at its two ends.
 * @param {Batch} batch
 * @param {string} key of one core: `cpu_time_ns:3`
 * @returns {Sample[]}
 */
export function cpuPercent(batch, key = "cpu_time_ns") {
  const previousNs = batch.previous?.counters[key];
  let before =
    previousNs == null
      ? null
      : { timeMs: timeMs(batch, batch.previous.offset_ns), value: previousNs };

  const samples = [];
  for (const counter of gauge(batch, key)) {
    if (Number.isNaN(counter.value)) {
      samples.push(counter);
      continue;
    }
    // The first reading of a run has nothing before it, hence no rate.
    if (before) samples.push({ timeMs: counter.timeMs, value: percent(before, counter) });
    before = counter;
  }
  return samples;
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
 * How far two readings of this metric may be apart before the line breaks.
 * @param {Batch} batch
 * @param {string} key
 */
export function stepMaxMs(batch, key) {
  const intervalMs = batch.interval_ns / 1e6;
  const isPerSample = batch.metrics[key]?.length === batch.offset_ns.length;
  return GAP_INTERVALS * (isPerSample ? intervalMs : Math.max(intervalMs, SLOT_MS));
}

/**
 * In ms, as ns since the epoch do not fit a double.
 * @param {Batch} batch
 * @param {number} offsetNs
 */
function timeMs(batch, offsetNs) {
  return batch.slot * 1000 + offsetNs / 1e6;
}

/**
 * @param {Sample} before
 * @param {Sample} after
 */
function percent(before, after) {
  const grownNs = after.value - before.value;
  const stepMs = after.timeMs - before.timeMs;
  // A counter that went back is not a rate of anything.
  return grownNs < 0 || stepMs <= 0 ? NaN : (grownNs / stepMs) * PERCENT_PER_NS_PER_MS;
}
