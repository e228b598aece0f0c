/** Shown before a metric is chosen: where to begin. */

import { html } from "../dom.js";
import { NOTHING, exploring } from "../explore/choice.js";
import { gpus, route } from "../state.js";
import { Link } from "./link.js";

const DAY_MS = 86_400_000;

/** @type {{text: string, choice: Partial<import("../explore/choice.js").Choice>, needsGpu?: boolean}[]} */
const EXAMPLES = [
  { text: "CPU and memory of all hosts", choice: { metrics: ["cpu_percent", "memory_used_bytes"] } },
  { text: "The five processes that use the most CPU", choice: { metrics: ["cpu_percent"], processes: ["*"], top: 5 } },
  { text: "Memory by host, all its processes together", choice: { metrics: ["memory_rss_bytes"], processes: ["*"], groupBy: ["host"] } },
  { text: "CPU of hosts, and a day earlier", choice: { metrics: ["cpu_percent"], compareMs: DAY_MS } },
  { text: "Use of all GPUs", choice: { metrics: ["gpu_utilization_percent"], gpus: ["*"] }, needsGpu: true },
];

export function Examples() {
  const shown = EXAMPLES.filter(({ needsGpu }) => !needsGpu || gpus.value.length > 0);
  return html`
    <section class="results examples" aria-label="Where to begin">
      <h2>Choose a metric</h2>
      <p class="dim">Search by name, unit or what it means; then say of which hosts and processes. Or begin with one of these:</p>
      <ul>
        ${shown.map(
          ({ text, choice }) => html`<li><${Link} to=${exploring(route.value, { ...NOTHING, ...choice })}>${text}<//></li>`,
        )}
      </ul>
    </section>
  `;
}
