/**
 * One metric of one series on a grid of steps: mean, least and greatest of each. Pure.
 *
 * What the server answered is set, what comes live is added; both lie on the same grid,
 * so that a chart of many series needs one axis of times.
 */

const CAPACITY_INITIAL = 256;

export class Track {
  #capacity = CAPACITY_INITIAL;
  #sum = new Float64Array(CAPACITY_INITIAL);
  #count = new Uint32Array(CAPACITY_INITIAL);
  #min = new Float64Array(CAPACITY_INITIAL);
  #max = new Float64Array(CAPACITY_INITIAL);

  /** Step of the first place in the arrays, counted from the Unix epoch. */
  #base = 0;

  /** Steps in use: from the first, and one after the last. */
  #first = 0;
  #end = 0;

  /** The newest sample that could be read. @type {import("./derive.js").Sample | null} */
  last = null;

  /** Usual distance of exact samples; NaN: there are none of those. */
  intervalMs = NaN;

  /** @param {number} stepMs */
  constructor(stepMs) {
    this.stepMs = stepMs;
  }

  get isEmpty() {
    return this.#first === this.#end;
  }

  /** Add one sample; NaN says that there was none to read. @param {import("./derive.js").Sample} sample */
  add({ timeMs, value }) {
    if (Number.isNaN(value)) return;
    const at = this.#place(Math.floor(timeMs / this.stepMs));
    const isFirst = this.#count[at] === 0;
    this.#sum[at] += value;
    this.#count[at] += 1;
    this.#min[at] = isFirst ? value : Math.min(this.#min[at], value);
    this.#max[at] = isFirst ? value : Math.max(this.#max[at], value);
    this.#note(timeMs, value);
  }

  /**
   * Set one step, as the server sums it up.
   * @param {number} timeMs its start
   * @param {number} mean
   * @param {number} min
   * @param {number} max
   */
  set(timeMs, mean, min, max) {
    const at = this.#place(Math.round(timeMs / this.stepMs));
    this.#sum[at] = mean;
    this.#count[at] = 1;
    this.#min[at] = min;
    this.#max[at] = max;
    this.#note(timeMs, mean);
  }

  /** @param {number} timeMs @param {number} value */
  #note(timeMs, value) {
    if (!this.last || timeMs >= this.last.timeMs) this.last = { timeMs, value };
  }

  /** Forget the steps that begin in `[fromMs, toMs)`. @param {number} fromMs @param {number} toMs */
  clear(fromMs, toMs) {
    const from = Math.max(this.#first, Math.ceil(fromMs / this.stepMs));
    const to = Math.min(this.#end, Math.ceil(toMs / this.stepMs));
    for (let step = from; step < to; step += 1) this.#empty(step - this.#base);
    if (this.last && this.last.timeMs >= fromMs && this.last.timeMs < toMs) this.last = null;
  }

  /** @param {number} timeMs steps that begin earlier go */
  dropBefore(timeMs) {
    this.#first = Math.min(this.#end, Math.max(this.#first, Math.ceil(timeMs / this.stepMs)));
  }

  /**
   * Write *length* steps from the one of *fromMs* into plain arrays. Where a line must
   * break there is a null; undefined where it leads on across steps without a sample.
   * @param {number} fromMs
   * @param {number} length
   * @param {number} joined steps without a sample that are no gap
   * @param {(number | null | undefined)[]} mean
   * @param {(number | null | undefined)[]} [min]
   * @param {(number | null | undefined)[]} [max]
   */
  read(fromMs, length, joined, mean, min, max) {
    const from = Math.floor(fromMs / this.stepMs);
    let before = -Infinity;
    mean.length = length;
    if (min && max) min.length = max.length = length;
    for (let i = 0; i < length; i += 1) {
      const step = from + i;
      const at = step - this.#base;
      const isThere = step >= this.#first && step < this.#end && this.#count[at] > 0;
      mean[i] = isThere ? this.#sum[at] / this.#count[at] : null;
      if (min && max) {
        min[i] = isThere ? this.#min[at] : null;
        max[i] = isThere ? this.#max[at] : null;
      }
      if (!isThere) continue;
      if (i - before > 1 && i - before <= joined + 1) {
        for (let gap = before + 1; gap < i; gap += 1) {
          mean[gap] = undefined;
          if (min && max) min[gap] = max[gap] = undefined;
        }
      }
      before = i;
    }
  }

  /**
   * @param {number} fromMs
   * @param {number} toMs
   * @returns {{min: number, mean: number, max: number} | null} of the steps in `[fromMs, toMs]`
   */
  summary(fromMs, toMs) {
    const from = Math.max(this.#first, Math.floor(fromMs / this.stepMs));
    const to = Math.min(this.#end, Math.floor(toMs / this.stepMs) + 1);
    let [min, max, sum, count] = [Infinity, -Infinity, 0, 0];
    for (let at = from - this.#base; at < to - this.#base; at += 1) {
      if (this.#count[at] === 0) continue;
      min = Math.min(min, this.#min[at]);
      max = Math.max(max, this.#max[at]);
      sum += this.#sum[at] / this.#count[at];
      count += 1;
    }
    return count > 0 ? { min, mean: sum / count, max } : null;
  }

  /**
   * @param {number} timeMs
   * @returns {number} end of the newest step with a value that begins earlier; -Infinity: none
   */
  lastBefore(timeMs) {
    const last = Math.min(this.#end, Math.ceil(timeMs / this.stepMs)) - 1;
    for (let step = last; step >= this.#first; step -= 1) {
      if (this.#count[step - this.#base] > 0) return (step + 1) * this.stepMs;
    }
    return -Infinity;
  }

  /** @param {number} step @returns {number} where it lies, from now on */
  #place(step) {
    if (this.isEmpty) this.#base = this.#first = this.#end = step;
    if (step < this.#base || step >= this.#base + this.#capacity) this.#makeRoom(step);
    while (this.#first > step) {
      this.#first -= 1;
      this.#empty(this.#first - this.#base);
    }
    while (this.#end <= step) {
      this.#empty(this.#end - this.#base);
      this.#end += 1;
    }
    return step - this.#base;
  }

  /** @param {number} at */
  #empty(at) {
    this.#sum[at] = this.#count[at] = 0;
  }

  /** Move to the front what is in use, into larger arrays if need be. @param {number} step */
  #makeRoom(step) {
    const first = Math.min(this.#first, step);
    const needed = Math.max(this.#end, step + 1) - first;
    while (this.#capacity < 2 * needed) this.#capacity *= 2;
    const [from, to, by] = [this.#first - this.#base, this.#end - this.#base, this.#first - first];
    this.#sum = moved(new Float64Array(this.#capacity), this.#sum.subarray(from, to), by);
    this.#count = moved(new Uint32Array(this.#capacity), this.#count.subarray(from, to), by);
    this.#min = moved(new Float64Array(this.#capacity), this.#min.subarray(from, to), by);
    this.#max = moved(new Float64Array(this.#capacity), this.#max.subarray(from, to), by);
    this.#base = first;
  }
}

/**
 * @template {Float64Array | Uint32Array} T
 * @param {T} fresh
 * @param {T} used
 * @param {number} by
 */
function moved(fresh, used, by) {
  fresh.set(used, by);
  return fresh;
}
