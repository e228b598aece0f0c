/** Recording the process at a high rate for a while, and then a look at exactly that. */

import { useEffect, useRef, useState } from "preact/hooks";
import { startBurst } from "../api.js";
import { nowMs } from "../clock.js";
import { html } from "../dom.js";
import { RATES_HZ, SECONDS, USUAL, progressOf, stretchOf } from "../recording.js";
import { ownOf, withOwn } from "../route.js";
import { go, route } from "../state.js";

const PROGRESS_INTERVAL_MS = 200;

/** @typedef {import("../recording.js").Recording} Recording */

/** @param {{host: string, process: string, isRunning: boolean}} props */
export function Recorder({ host, process, isRunning }) {
  const [recording, set] = useState(/** @type {Recording} */ ({ state: "idle" }));
  const isHere = useRef(true);
  useEffect(() => () => void (isHere.current = false), []);
  const hz = chosen("hz", RATES_HZ, USUAL.hz);
  const seconds = chosen("seconds", SECONDS, USUAL.seconds);
  const isBusy = recording.state === "asking" || recording.state === "recording";

  /** @param {SubmitEvent} event */
  const start = async (event) => {
    event.preventDefault();
    set({ state: "asking" });
    try {
      const burst = await startBurst(host, process, hz, seconds);
      if (isHere.current) set({ state: "recording", burst });
    } catch (error) {
      if (isHere.current) set({ state: "failed", reason: reasonOf(error) });
    }
  };
  return html`
    <form class="recorder" data-state=${recording.state} onSubmit=${start} aria-label="Record at a high rate">
      <${Choice} name="hz" label="Rate" all=${RATES_HZ} now=${hz} unit="Hz" />
      <${Choice} name="seconds" label="Duration" all=${SECONDS} now=${seconds} unit="s" />
      <button disabled=${isBusy || !isRunning} title=${isRunning
        ? "Sample this process fast for a while, then show exactly that"
        : "Only what runs can be recorded"}>
        <span class="record" aria-hidden="true"></span>Record
      </button>
      <${Told} recording=${recording} onOver=${(/** @type {Recording} */ next) => set(next)} />
    </form>
  `;
}

/** @param {{recording: Recording, onOver: (next: Recording) => void}} props */
function Told({ recording, onOver }) {
  const [, redraw] = useState(0);
  const burst = "burst" in recording ? recording.burst : null;
  const isGoingOn = recording.state === "recording";
  useEffect(() => {
    if (!isGoingOn || !burst) return undefined;
    const timer = setInterval(() => {
      redraw((times) => times + 1);
      if (!progressOf(burst, nowMs()).isOver) return;
      onOver({ state: "shown", burst });
      show(burst);
    }, PROGRESS_INTERVAL_MS);
    return () => clearInterval(timer);
  }, [isGoingOn]);
  if (recording.state === "failed") {
    return html`<p class="told" role="alert">Not recorded: ${recording.reason}</p>`;
  }
  if (!burst) return html`<p class="told" role="status"></p>`;
  const { share, text } = progressOf(burst, nowMs());
  if (isGoingOn) {
    return html`<p class="told" role="status"><progress max="1" value=${share}></progress>${text}</p>`;
  }
  return html`<p class="told" role="status">
    <button type="button" onClick=${() => show(burst)}>Show the recording</button>
  </p>`;
}

/** @param {import("../api.js").Burst} burst */
const show = (burst) => go({ ...withOwn(route.value, "tab", []), range: stretchOf(burst) });

/** @param {{name: string, label: string, all: number[], now: number, unit: string}} props */
function Choice({ name, label, all, now, unit }) {
  /** @param {Event} event */
  const choose = ({ target }) =>
    go(withOwn(route.value, name, [/** @type {HTMLSelectElement} */ (target).value]), { replace: true });
  return html`
    <select name=${name} aria-label=${label} value=${now} onChange=${choose}>
      ${all.map((each) => html`<option value=${each} selected=${each === now}>${each} ${unit}</option>`)}
    </select>
  `;
}

/** @param {string} name @param {number[]} all @param {number} usual */
function chosen(name, all, usual) {
  const found = Number(ownOf(route.value, name)[0]);
  return all.includes(found) ? found : usual;
}

/** @param {unknown} error */
function reasonOf(error) {
  if (error instanceof DOMException && error.name === "TimeoutError") return "the server does not answer";
  return error instanceof TypeError ? "the server is not reachable" : error instanceof Error ? error.message : String(error);
}
