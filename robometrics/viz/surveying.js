/** Asks for the survey of a fleet, over and over, as long as someone looks and it changes. */

import { batch, signal } from "@preact/signals";
import { promql } from "./api.js";
import { nowMs } from "./clock.js";
import { isLive } from "./range.js";
import { route, shownBounds } from "./state.js";
import { QUESTIONS, surveyed } from "./survey.js";

const INTERVAL_MS = 10_000;

/** Of the time, the server works a tenth at most for it, however large the fleet. */
const RESTS = 9;

/** By host. @type {import("@preact/signals").Signal<Map<string, import("./fleetrows.js").Measures>>} */
export const survey = signal(new Map());

/** Of when it is, ms since the Unix epoch; null: nothing was asked yet. @type {import("@preact/signals").Signal<number | null>} */
export const surveyedMs = signal(null);

/** Why there is none; empty if there is. */
export const surveyProblem = signal("");

/**
 * @param {import("./survey.js").Topic[]} topics
 * @returns {() => void} ends it
 */
export function startSurvey(topics) {
  const stopping = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  async function ask() {
    const beganMs = performance.now();
    if (!document.hidden) await once(topics, stopping.signal);
    if (surveyedMs.value !== null && !isLive(route.value.range)) return; // that stays so
    const restMs = Math.max(INTERVAL_MS, RESTS * (performance.now() - beganMs));
    if (!stopping.signal.aborted) timer = setTimeout(ask, restMs);
  }
  surveyedMs.value = null;
  surveyProblem.value = "";
  if (topics.length > 0) ask();
  return () => {
    stopping.abort();
    clearTimeout(timer);
  };
}

/** @param {import("./survey.js").Topic[]} topics @param {AbortSignal} signal */
async function once(topics, signal) {
  const { toMs } = shownBounds(nowMs());
  /** @type {Map<import("./survey.js").Topic, import("./survey.js").Answer[]>} */
  const answers = new Map();
  try {
    // One after the other: whoever looks at a chart comes first.
    for (const topic of topics) answers.set(topic, await promql(QUESTIONS[topic], toMs, signal));
    batch(() => {
      survey.value = surveyed(answers);
      surveyedMs.value = toMs;
      surveyProblem.value = "";
    });
  } catch (error) {
    if (!signal.aborted) surveyProblem.value = error instanceof Error ? error.message : String(error);
  }
}
