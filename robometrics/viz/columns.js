/**
 * A growing ring of samples in typed arrays, in order of time. Pure.
 *
 * A break in the line is kept with each sample: the segment it belongs to (one run of
 * a process), and how far the sample before it may be away.
 */

const CAPACITY_INITIAL = 256;

export class Columns {
  #timeMs = new Float64Array(CAPACITY_INITIAL);
  #value = new Float64Array(CAPACITY_INITIAL);
  #segment = new Uint32Array(CAPACITY_INITIAL);
  #stepMaxMs = new Float64Array(CAPACITY_INITIAL);
  #start = 0;
  #end = 0;

  get length() {
    return this.#end - this.#start;
  }

  /**
   * Add one sample where its time belongs; nearly always that is the end.
   * @param {number} timeMs
   * @param {number} value NaN: it could not be read
   * @param {number} segment lines are drawn inside one segment only
   * @param {number} stepMaxMs a longer step from the sample before is a gap
   */
  insert(timeMs, value, segment, stepMaxMs) {
    if (this.#end === this.#timeMs.length) this.#makeRoom();
    let at = this.#end;
    while (at > this.#start && this.#timeMs[at - 1] > timeMs) at -= 1;
    for (const column of this.#columns) column.copyWithin(at + 1, at, this.#end);
    this.#timeMs[at] = timeMs;
    this.#value[at] = value;
    this.#segment[at] = segment;
    this.#stepMaxMs[at] = stepMaxMs;
    this.#end += 1;
  }

  /** @param {number} timeMs older samples go */
  dropBefore(timeMs) {
    while (this.#start < this.#end && this.#timeMs[this.#start] < timeMs) this.#start += 1;
  }

  /**
   * The newest sample that could be read.
   * @returns {{timeMs: number, value: number} | null}
   */
  get last() {
    for (let i = this.#end - 1; i >= this.#start; i -= 1) {
      const value = this.#value[i];
      if (!Number.isNaN(value)) return { timeMs: this.#timeMs[i], value };
    }
    return null;
  }

  /**
   * Write all samples into two plain arrays, with a null wherever the line must break:
   * uPlot draws straight across NaN and across times that are simply absent.
   * @param {number[]} times reused, so that a draw allocates nothing
   * @param {(number | null)[]} values
   */
  fill(times, values) {
    let n = 0;
    for (let i = this.#start; i < this.#end; i += 1) {
      if (i > this.#start && this.#breaksBefore(i)) {
        times[n] = (this.#timeMs[i - 1] + this.#timeMs[i]) / 2;
        values[n] = null;
        n += 1;
      }
      times[n] = this.#timeMs[i];
      values[n] = Number.isNaN(this.#value[i]) ? null : this.#value[i];
      n += 1;
    }
    times.length = n;
    values.length = n;
  }

  /** @param {number} i */
  #breaksBefore(i) {
    const stepMs = this.#timeMs[i] - this.#timeMs[i - 1];
    return this.#segment[i] !== this.#segment[i - 1] || stepMs > this.#stepMaxMs[i];
  }

  get #columns() {
    return [this.#timeMs, this.#value, this.#segment, this.#stepMaxMs];
  }

  /** Move to the front if that frees half; else double. */
  #makeRoom() {
    const { length } = this;
    if (length <= this.#timeMs.length / 2) {
      for (const column of this.#columns) column.copyWithin(0, this.#start, this.#end);
    } else {
      this.#timeMs = this.#doubled(this.#timeMs);
      this.#value = this.#doubled(this.#value);
      this.#segment = this.#doubled(this.#segment);
      this.#stepMaxMs = this.#doubled(this.#stepMaxMs);
    }
    this.#start = 0;
    this.#end = length;
  }

  /**
   * @template {Float64Array | Uint32Array} T
   * @param {T} column
   * @returns {T}
   */
  #doubled(column) {
    const larger = /** @type {T} */ (
      column instanceof Float64Array
        ? new Float64Array(column.length * 2)
        : new Uint32Array(column.length * 2)
    );
    larger.set(column.subarray(this.#start, this.#end));
    return larger;
  }
}
