/** Wires the page: fleet by REST, samples by session and websocket, drawing by one loop. */

import { effect, untracked } from "@preact/signals";
import { render } from "preact";
import { fetchFleet, fetchMe, fetchMetrics, fetchPipeline, liveUrl, query } from "./api.js";
import { catalogueOf } from "./catalogue.js";
import { nowMs } from "./clock.js";
import { contents } from "./contents.js";
import { html } from "./dom.js";
import { listen } from "./keys.js";
import { drawSoon, onDraw } from "./loop.js";
import { titleOf } from "./route.js";
import { Session } from "./session.js";
import { idOf } from "./series.js";
import { LiveSocket } from "./socket.js";
import * as state from "./state.js";
import { subject } from "./subject.js";
import { App } from "./views/app.js";
import { loadAll } from "./views/later.js";
import { asksOf } from "./wanted.js";

const FLEET_INTERVAL_MS = 3_000;
const PIPELINE_INTERVAL_MS = 5_000;
const RETRY_MS = 2_000;
const TICK_INTERVAL_MS = 1_000;

/** Until then the browser is busy with the first view. */
const OTHERS_AFTER_MS = 3_000;
const RESTS = 9;
const REST_MAX_MS = 30_000;

const socket = new LiveSocket(liveUrl(), {
  subscription: () => state.session.value?.subscription() ?? [],
  onState(isLive, reason) {
    if (!isLive) state.session.value?.lost();
    else state.session.value?.found();
    state.isSocketLive.value = isLive;
    state.socketError.value = reason;
  },
  onMessage(message) {
    if (message.op === "batches") {
      state.session.value?.accept(message.batches);
      drawSoon();
    }
    if (message.op === "error") state.socketError.value = message.reason;
    if (message.op === "gap" || message.op === "late") {
      state.session.value?.missed(idOf(message), message.from_ms, message.to_ms);
    }
  },
});

/** What a session needs of the world. @type {import("./session.js").Means} */
const means = {
  nowMs,
  query,
  resubscribe: () => queueMicrotask(() => socket.resubscribe()),
  onProblem(problem) {
    state.queryError.value = problem;
  },
};

let wanted = "";

/** Another view, range or fleet is another session; what it shares with the last is kept. */
effect(() => {
  const { catalogue, gpus, hosts, inSight, processes, route } = state;
  const known = catalogue.value;
  if (known === null || hosts.value === null) return;
  const fleet = { hosts: hosts.value, processes: processes.value, gpus: gpus.value };
  const asks = asksOf(route.value, fleet, {
    catalogue: known,
    contents: contents.value,
    subject: subject.value,
    inSight: inSight.value,
  });
  const now = JSON.stringify([asks, route.value.range]);
  if (now === wanted) return;
  wanted = now;
  untracked(() => {
    const before = state.session.value;
    before?.stop();
    const after = new Session(asks, route.value.range, known, means, before);
    state.session.value = after;
    after.start();
  });
});

effect(() => {
  document.title = `${titleOf(state.route.value)} · RoboMetrics`;
});

/**
 * @param {() => Promise<void>} act
 * @param {number} intervalMs
 */
async function repeat(act, intervalMs) {
  const beganMs = performance.now();
  if (!document.hidden) await act();
  // The list of a large fleet takes its time: nine tenths of it are left to others.
  const restMs = Math.max(intervalMs, RESTS * (performance.now() - beganMs));
  setTimeout(() => repeat(act, intervalMs), Math.min(restMs, REST_MAX_MS));
}

async function refreshFleet() {
  try {
    state.setFleet(await fetchFleet());
  } catch (error) {
    state.fleetError.value = error instanceof Error ? error.message : String(error);
  }
}

async function refreshPipeline() {
  try {
    state.pipeline.value = await fetchPipeline();
  } catch {
    state.pipeline.value = null; // the state of the connection says why
  }
}

async function loadMe() {
  try {
    state.me.value = await fetchMe();
  } catch {
    setTimeout(loadMe, RETRY_MS);
  }
}

async function loadCatalogue() {
  try {
    state.catalogue.value = catalogueOf(await fetchMetrics());
  } catch {
    setTimeout(loadCatalogue, RETRY_MS);
  }
}

let tickMs = -Infinity;

onDraw(() => {
  if (performance.now() - tickMs < TICK_INTERVAL_MS) return;
  tickMs = performance.now();
  state.tick.value += 1;
  state.dataUpToMs.value = state.session.value?.lastMs ?? -Infinity;
});

addEventListener("load", () => setTimeout(loadAll, OTHERS_AFTER_MS));
addEventListener("online", () => socket.wake());
addEventListener("popstate", () => state.readAddress());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) socket.wake();
});
listen();

render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
socket.connect();
loadMe();
loadCatalogue();
repeat(refreshFleet, FLEET_INTERVAL_MS);
repeat(refreshPipeline, PIPELINE_INTERVAL_MS);
