/** The runs of a process, one after the other; those chosen are laid over each other. */

import { fetchRuns, query } from "../api.js";
import { literal } from "../asking.js";
import { nowMs } from "../clock.js";
import { html } from "../dom.js";
import { isBadEnd } from "../endings.js";
import { between } from "../range.js";
import { ownOf, withOwn } from "../route.js";
import {
  COMPARED_MAX,
  COST_METRICS,
  beginMs,
  costsOf,
  endMs,
  endText,
  lastedMs,
  measuredFromMs,
  runName,
  stateOf,
  toggled,
} from "../runs.js";
import { go, route, tick } from "../state.js";
import { formatBytes, formatDuration, formatMoment, formatPercent } from "../units.js";
import { Badge } from "./badge.js";
import { Compared } from "./compared.js";
import { Link } from "./link.js";
import { usePolled } from "./polled.js";

/** @typedef {import("../api.js").Run} Run */

const RUNS_MAX = 100;
const RUNS_INTERVAL_MS = 5_000;
const COSTS_INTERVAL_MS = 20_000;

/** @param {{host: string, process: string}} props */
export function Runs({ host, process }) {
  const found = usePolled(() => fetchRuns(host, process, RUNS_MAX), RUNS_INTERVAL_MS, [host, process]);
  const runs = found.value ?? [];
  const known = JSON.stringify(runs.map(({ run, end }) => [run, end]));
  const costs = usePolled((signal) => fetchCosts(runs, signal), COSTS_INTERVAL_MS, [known]);
  const chosen = ownOf(route.value, "run").slice(0, COMPARED_MAX);
  const compared = chosen.flatMap((name) => runs.find(({ run }) => run === name) ?? []);
  return html`
    <section class="runlist" aria-label="Runs">
      <header class="heading">
        <p>${hintOf(found.value, compared.length)}</p>
        <div class="choose">
          <button type="button" disabled=${runs.length < 2} onClick=${() => choose(runs.slice(0, 2).map(({ run }) => run))}>
            Newest two
          </button>
          <button type="button" disabled=${chosen.length === 0} onClick=${() => choose([])}>None</button>
        </div>
      </header>
      ${found.problem && html`<p role="alert" class="problem">${found.problem}</p>`}
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col"><span class="hidden">Compare</span></th><th scope="col">Run</th><th scope="col">State</th>
              <th scope="col" class="number">Lasted</th><th scope="col" class="number">Mean CPU</th>
              <th scope="col" class="number">Peak memory</th><th scope="col">Ended</th><th scope="col">End</th>
            </tr>
          </thead>
          <tbody>
            ${runs.map((run) => html`<${RunRow} key=${run.run} run=${run} chosen=${chosen} cost=${costs.value?.get(run.run)} />`)}
          </tbody>
        </table>
      </div>
      ${compared.length > 1 && html`<${Compared} runs=${compared} />`}
    </section>
  `;
}

/** @param {Run[] | null} runs @param {number} count of those chosen */
function hintOf(runs, count) {
  if (runs === null) return "";
  if (runs.length === 0) return "No run is known yet.";
  if (runs.length === 1) return "One run so far; a second can be laid over it.";
  if (count > 1) return `${count} runs laid over each other, from the start of each`;
  return `Choose two to ${COMPARED_MAX} runs to lay them over each other.`;
}

/** @param {string[]} runs */
const choose = (runs) =>
  go(withOwn(withOwn(route.value, "run", runs), "stretch", []), { replace: true });

/** @param {{run: Run, chosen: string[], cost: import("../runs.js").Cost | undefined}} props */
function RunRow({ run, chosen, cost }) {
  tick.value;
  const { isUtc } = route.value;
  const now = nowMs();
  const end = endText(run);
  const range = between(beginMs(run), endMs(run, now), now);
  return html`
    <tr data-run=${run.run} data-state=${stateOf(run, now)}>
      <td>
        <input type="checkbox" aria-label=${`Compare ${runName(run, isUtc)}`} checked=${chosen.includes(run.run)}
          onChange=${() => choose(toggled(chosen, run.run))} />
      </td>
      <th scope="row">
        <${Link} to=${{ ...withOwn(route.value, "tab", []), range }} title="Charts of this run alone">${runName(run, isUtc)}<//>
      </th>
      <td><${Badge} state=${stateOf(run, now)} /></td>
      <td class="number">${formatDuration(lastedMs(run, now))}</td>
      <td class="number">${formatPercent(cost?.cpuPercent)}</td>
      <td class="number">${formatBytes(cost?.memoryPeakBytes)}</td>
      <td>${run.ended_ms === null ? "" : formatMoment(run.ended_ms, isUtc).slice(5)}</td>
      <td data-bad=${isBadEnd(run.exit_code) ? "" : null}>${isBadEnd(run.exit_code) ? `✗ ${end}` : end}</td>
    </tr>
  `;
}

/** A few steps over all runs are enough: their extremes are exact. */
const COST_POINTS = 10;

/**
 * @param {Run[]} runs
 * @param {AbortSignal} signal
 * @returns {Promise<Map<string, import("../runs.js").Cost>>}
 */
async function fetchCosts(runs, signal) {
  if (runs.length === 0) return new Map();
  const now = nowMs();
  const { groups = [] } = await query(
    [
      ["host", literal(runs[0].host)],
      ["process", literal(runs[0].process)],
      ["metric", COST_METRICS.join(",")],
      ["from", new Date(Math.min(...runs.map(measuredFromMs))).toISOString()],
      ["to", new Date(now).toISOString()],
      ["max_points", String(COST_POINTS)],
      ["group_by", "run"],
    ],
    signal,
  );
  return costsOf(groups, runs, now);
}
