/** What is known of the selected process or host, above its two charts. */

import { nowMs } from "../clock.js";
import { html } from "../dom.js";
import { latest, selectedHost, selectedProcess, selection } from "../store.js";
import { seriesKey } from "../series.js";
import { formatClock, formatDuration } from "../units.js";
import { Badge } from "./badge.js";
import { MetricChart } from "./metric.js";
import { cpuStyle, memoryStyle } from "./styles.js";

/** @param {{feed: import("../feed.js").Feed}} props */
export function Detail({ feed }) {
  const id = selection.value;
  const isProcess = id.process !== null;
  const known = isProcess ? selectedProcess.value : selectedHost.value;
  const memory = isProcess ? memoryStyle.process : memoryStyle.host;
  const name = id.process ?? id.host;
  return html`
    <article class="detail" aria-label=${name}>
      <header class="title">
        <h2 title=${name}>${name}</h2>
        ${known && html`<${Badge} state=${known.state} />`}
        <p class="facts">${facts(id, known)}</p>
        ${known?.command && html`<p class="command" title=${known.command}>${known.command}</p>`}
      </header>
      <${MetricChart}
        key=${`cpu${seriesKey(id)}`} subject=${name} style=${cpuStyle}
        columns=${() => feed.of(id)?.cpuPercent} />
      <${MetricChart}
        key=${`memory${seriesKey(id)}`} subject=${name} style=${memory}
        columns=${() => feed.of(id)?.memoryBytes} />
    </article>
  `;
}

/**
 * @param {import("../series.js").SeriesId} id
 * @param {any} known
 */
function facts(id, known) {
  // Ages pass while nothing else changes; the latest values come every second.
  latest.value;
  if (!known) return "Nothing has been heard of it yet.";
  const seen = known.state === "running" || known.state === "live"
    ? []
    : [`last seen ${formatDuration(nowMs() - known.last_seen_ms)} ago, at ${formatClock(known.last_seen_ms)}`];
  if (id.process === null) {
    const count = known.process_count;
    return [`host, ${count} ${count === 1 ? "process" : "processes"}`, ...seen].join(" · ");
  }
  const end = known.exit_code == null ? [] : [ending(known.exit_code)];
  const since = known.started_ms != null && known.state === "running"
    ? [`up ${formatDuration(nowMs() - known.started_ms)}`]
    : [];
  const tags = Object.entries(known.tags ?? {}).map(([key, value]) => `${key}=${value}`);
  return [`on ${id.host}`, `pid ${known.pid}`, ...since, ...end, ...seen, ...tags].join(" · ");
}

/** @param {number} exitCode negative: the number of a signal */
const ending = (exitCode) =>
  exitCode < 0 ? `ended by signal ${-exitCode}` : `exit code ${exitCode}`;
