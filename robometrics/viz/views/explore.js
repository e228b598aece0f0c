/** Explore: any metrics of any series, worked on and compared as one likes. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { query } from "../api.js";
import { nowMs } from "../clock.js";
import { html } from "../dom.js";
import { seriesParameters, workParameters } from "../explore/asking.js";
import { chartsOf } from "../explore/charts.js";
import { choiceOf, exploring, isPolled } from "../explore/choice.js";
import { Fetched, emptied } from "../explore/fetched.js";
import { SERIES_MAX, matched } from "../explore/matching.js";
import { seriesKey } from "../series.js";
import { catalogue, go, gpus, hosts, processes, route, session, shownBounds, shownStepMs, tick } from "../state.js";
import { Chooser } from "./explore_choose.js";
import { Examples } from "./explore_examples.js";
import { Take } from "./explore_take.js";
import { Panel } from "./panel.js";

/** @typedef {import("../explore/choice.js").Choice} Choice */

export function Explore() {
  const choice = choiceOf(route.value);
  if (catalogue.value === null) return null;
  /** @param {Partial<Choice>} change */
  const choose = (change) =>
    go(exploring(route.value, { ...choice, ...change }), { replace: choice.metrics.length > 0 });
  return html`
    <article class="explore" aria-label="Explore">
      <${Chooser} choice=${choice} choose=${choose} />
      ${choice.metrics.length > 0
        ? html`<${Charts} choice=${choice} />`
        : html`<${Examples} />`}
    </article>
  `;
}

/** @param {{choice: Choice}} props */
function Charts({ choice }) {
  tick.value; // names and samples come while one looks
  const known = /** @type {import("../catalogue.js").Catalogue} */ (catalogue.value);
  const ids = matched(choice, hosts.value ?? [], processes.value, gpus.value);
  const isWorked = isPolled(choice);
  const worked = useFetched(choice, isWorked, 0);
  const earlier = useFetched(choice, choice.compareMs !== null, choice.compareMs ?? 0);
  const now = isWorked ? (worked?.found ?? []) : liveOf(ids.slice(0, SERIES_MAX));
  const charts = chartsOf(choice, known, now, earlier?.found ?? []);
  const isLoaded = isWorked ? Boolean(worked?.isLoaded) : (session.value?.isLoaded ?? false);
  const problem = worked?.problem || earlier?.problem || "";
  const left = isWorked ? 0 : Math.max(0, ids.length - SERIES_MAX);
  return html`
    <section class="results" aria-label="Charts">
      <${Take} choice=${choice} charts=${charts} />
      ${problem && html`<p class="problem" role="alert">${problem}</p>`}
      ${left > 0 && html`<p class="dim">The first ${SERIES_MAX} series are drawn, ${left} are not: choose fewer by a pattern, the top ones, or groups.</p>`}
      <div class="panels">
        ${charts.map(
          ({ unit, title, lines, left: more }) => html`
            <${Panel} key=${unit} name=${`explore-${unit || "count"}`} title=${title} subject=${subjectOf(ids.length)}
              hint=${more > 0 ? `${more} more lines are not drawn` : ""} lines=${lines} isLoaded=${isLoaded}
              version=${`${worked?.version ?? 0}/${earlier?.version ?? 0}`} isExplored=${true} />
          `,
        )}
      </div>
      ${charts.length === 0 && html`<p class="nothing" role="status">${emptyText(ids.length, isLoaded)}</p>`}
    </section>
  `;
}

/** @param {number} count */
const subjectOf = (count) => `${count} series`;

/** @param {number} count @param {boolean} isLoaded */
function emptyText(count, isLoaded) {
  if (count === 0) return "Nothing is called so: look at the names and tags on the left.";
  return isLoaded ? "No samples of it in this time." : "Asking …";
}

/** @param {import("../series.js").SeriesId[]} ids @returns {import("../explore/fetched.js").Found[]} */
function liveOf(ids) {
  return ids.flatMap((id) => {
    const entry = session.value?.entry(id);
    return entry ? [{ key: seriesKey(id), id, name: "", quantile: "", entry }] : [];
  });
}

/**
 * What the server works out, asked for as long as it is wanted.
 * @param {Choice} choice
 * @param {boolean} isWanted
 * @param {number} earlierMs
 */
function useFetched(choice, isWanted, earlierMs) {
  const { range } = route.value;
  const stepMs = shownStepMs();
  const parameters = [...seriesParameters(choice, gpus.value), ...workParameters(choice)];
  const asked = JSON.stringify([parameters, range, stepMs, earlierMs, isWanted]);
  const [version, setVersion] = useState(0);
  const fetched = useMemo(() => {
    if (!isWanted) return null;
    return new Fetched(parameters, range, stepMs, earlierMs, {
      bounds: () => shownBounds(nowMs()),
      changed: () => setVersion((before) => before + 1),
      query,
    });
  }, [asked]);
  useEffect(() => {
    fetched?.start();
    return () => fetched?.stop();
  }, [fetched]);
  const before = useRef(/** @type {import("../explore/fetched.js").Found[]} */ ([]));
  if (!fetched) return null;
  const { isLoaded, problem } = fetched;
  if (isLoaded) before.current = fetched.found;
  return { found: isLoaded ? fetched.found : emptied(before.current, fetched.stepMs), isLoaded, problem, version };
}
