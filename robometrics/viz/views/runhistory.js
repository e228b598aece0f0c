/** The runs of a process, below its row: when each began, how long it went, how it ended. */

import { useEffect, useState } from "preact/hooks";
import { fetchRuns } from "../api.js";
import { nowMs } from "../clock.js";
import { html } from "../dom.js";
import { ending, isBadEnd } from "../endings.js";
import { between } from "../range.js";
import { goneTo } from "../route.js";
import { route } from "../state.js";
import { formatDuration, formatMoment } from "../units.js";
import { Link } from "./link.js";

const RUNS_MAX = 50;

/** Beside a run that is looked at, so that its ends are seen. */
const MARGIN = 0.05;

/** @param {{process: import("../api.js").Process, span: number}} props span: columns of the table */
export function RunHistory({ process: { host, process, run, state }, span }) {
  const [runs, setRuns] = useState(/** @type {import("../api.js").Run[] | null} */ (null));
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let isWanted = true;
    fetchRuns(host, process, RUNS_MAX).then(
      (found) => isWanted && (setRuns(found), setProblem("")),
      (error) => isWanted && setProblem(error instanceof Error ? error.message : String(error)),
    );
    return () => (isWanted = false);
  }, [host, process, run, state]);
  return html`
    <tr class="runs" data-runs=${process}>
      <td colspan=${span}>
        ${problem && html`<p class="nothing" role="alert">${problem}</p>`}
        ${runs !== null && html`
          <table aria-label=${`Runs of ${process}`}>
            <thead>
              <tr><th scope="col">Began</th><th scope="col">Went on for</th><th scope="col">Ended</th><th scope="col">How</th><th scope="col">PID</th></tr>
            </thead>
            <tbody>${runs.map((each) => html`<${Run} key=${each.run} run=${each} />`)}</tbody>
          </table>
        `}
        ${runs?.length === RUNS_MAX && html`<p class="facts">The newest ${RUNS_MAX} are shown.</p>`}
      </td>
    </tr>
  `;
}

/** @param {{run: import("../api.js").Run}} props */
function Run({ run: { host, process, run, pid, started_ms, first_seen_ms, last_seen_ms, ended_ms, exit_code } }) {
  const { isUtc } = route.value;
  const beganMs = started_ms ?? first_seen_ms;
  const untilMs = ended_ms ?? nowMs();
  const isOver = ended_ms !== null;
  const when = beganMs === null ? "not known" : formatMoment(beganMs, isUtc);
  const seenMs = Math.max(beganMs ?? -Infinity, first_seen_ms ?? -Infinity);
  const margin = MARGIN * (untilMs - seenMs);
  const to = {
    ...goneTo(route.value, "process", host, process),
    ...(Number.isFinite(seenMs) && isOver ? { range: between(seenMs - margin, untilMs + margin, nowMs()) } : {}),
  };
  const how = exit_code !== null ? ending(exit_code) : isOver ? "not known" : `running, last seen ${last_seen_ms === null ? "never" : formatMoment(last_seen_ms, isUtc).slice(11)}`;
  return html`
    <tr data-run=${run}>
      <td><${Link} to=${to} title="Look at this run">${when}<//></td>
      <td class="number">${beganMs === null ? "" : formatDuration(untilMs - beganMs)}</td>
      <td>${isOver ? formatMoment(ended_ms, isUtc) : ""}</td>
      <td data-bad=${isBadEnd(exit_code) ? "" : null}>${how}</td>
      <td class="number">${pid}</td>
    </tr>
  `;
}
