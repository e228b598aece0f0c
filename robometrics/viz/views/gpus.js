/** The GPUs of a host's row: one or two in full, more of them folded. */

import { html } from "../dom.js";
import { BUSY_PERCENT } from "../fleetrows.js";
import { shownOf } from "../fleetlive.js";
import { gpuId } from "../series.js";
import { NO_VALUE, formatBytes, formatPercent, unitStyle } from "../units.js";
import { Meter } from "./meter.js";

/** More than these are folded. */
export const UNFOLDED_MAX = 2;

const celsius = unitStyle("celsius").format;
const watts = unitStyle("watts").format;

/**
 * @typedef {object} Shown one GPU's numbers
 * @property {import("../api.js").Gpu} gpu
 * @property {number | null} percent
 * @property {number | null} usedBytes
 * @property {number | null} totalBytes
 * @property {number | null} celsius
 * @property {number | null} watts
 */

/** @param {import("../api.js").Host} host @param {import("../api.js").Gpu} gpu @returns {Shown} */
function shown(host, gpu) {
  const id = gpuId(gpu.host, gpu.gpu);
  const of = (/** @type {string} */ metric) => shownOf(host, id, metric);
  return {
    gpu,
    percent: of("gpu_utilization_percent"),
    usedBytes: of("gpu_memory_used_bytes"),
    totalBytes: of("gpu_memory_total_bytes"),
    celsius: of("gpu_temperature_celsius"),
    watts: of("gpu_power_watts"),
  };
}

/**
 * @param {object} props
 * @param {import("../api.js").Host} props.host
 * @param {import("../api.js").Gpu[]} props.gpus
 * @param {boolean} props.isOpen
 * @param {() => void} props.onToggle
 */
export function GpuCell({ host, gpus, isOpen, onToggle }) {
  if (gpus.length === 0) return html`<span class="dim">none</span>`;
  const all = gpus.map((gpu) => shown(host, gpu));
  if (gpus.length <= UNFOLDED_MAX) return html`<${GpuLines} all=${all} />`;
  const busy = all.filter(({ percent }) => (percent ?? 0) >= BUSY_PERCENT).length;
  return html`
    <button type="button" class="fold" aria-expanded=${String(isOpen)} onClick=${onToggle}
      title="${isOpen ? "Fold" : "Show each of"} the GPUs">
      <span class="cores" aria-hidden="true">
        ${all.map(({ percent }) => html`<span style=${{ height: `${Math.max(6, Math.min(100, percent ?? 0))}%` }}></span>`)}
      </span>
      <span>
        ${busy} of ${gpus.length} busy
        <small>${facts(all)}</small>
      </span>
    </button>
  `;
}

/** Several GPUs in one line. @param {Shown[]} all */
function facts(all) {
  const sum = (/** @type {(number | null)[]} */ values) => values.reduce((/** @type {number} */ total, value) => total + (value ?? 0), 0);
  const known = all.filter(({ totalBytes }) => totalBytes !== null);
  const hottest = Math.max(...all.map(({ celsius }) => celsius ?? -Infinity));
  const drawn = sum(all.map(({ watts }) => watts));
  return [
    known.length > 0 && ofTotal(sum(known.map(({ usedBytes }) => usedBytes)), sum(known.map(({ totalBytes }) => totalBytes))),
    Number.isFinite(hottest) && `up to ${celsius(hottest)}`,
    drawn > 0 && watts(drawn),
  ].filter(Boolean).join(" · ");
}

/** @param {number | null} used @param {number | null} total */
function ofTotal(used, total) {
  if (total === null) return formatBytes(used);
  const [whole, unit] = formatBytes(total).split(" ");
  const [part, partUnit] = formatBytes(used).split(" ");
  return partUnit === unit ? `${part} of ${whole} ${unit}` : `${formatBytes(used)} of ${whole} ${unit}`;
}

/** A line for each. @param {{all: Shown[], isNamed?: boolean}} props */
function GpuLines({ all, isNamed = false }) {
  return html`
    <ul class="gpus">
      ${all.map(
        ({ gpu, percent, usedBytes, totalBytes, ...of }) => html`
          <li data-gpu=${gpu.gpu} data-state=${gpu.state} title=${`GPU ${gpu.gpu}: ${gpu.model}`}>
            <span class=${isNamed ? "which" : "hidden"}>GPU ${gpu.gpu}${isNamed && html` <small>${gpu.model}</small>`}</span>
            ${gpu.state === "live"
              ? html`<span class="value">${formatPercent(percent)}</span><${Meter} share=${percent === null ? null : percent / 100} />`
              : html`<span class="worry" data-bad>silent</span>`}
            <small>${gpu.state === "live" && [
              ofTotal(usedBytes, totalBytes),
              of.celsius === null ? NO_VALUE : celsius(of.celsius),
              of.watts !== null && watts(of.watts),
            ].filter(Boolean).join(" · ")}</small>
          </li>
        `,
      )}
    </ul>
  `;
}

/** All GPUs of a host, unfolded below its row. @param {{host: import("../api.js").Host, gpus: import("../api.js").Gpu[]}} props */
export function GpuList({ host, gpus }) {
  return html`<${GpuLines} all=${gpus.map((gpu) => shown(host, gpu))} isNamed />`;
}
