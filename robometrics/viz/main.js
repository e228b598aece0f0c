/** Wires the page: fleet by REST, samples by websocket, drawing by one loop. */

import { effect } from "@preact/signals";
import { render } from "preact";
import { fetchFleet, fetchPipeline, liveUrl } from "./api.js";
import { nowMs } from "./clock.js";
import { html } from "./dom.js";
import { Feed } from "./feed.js";
import { onDraw } from "./loop.js";
import { LiveSocket } from "./socket.js";
import * as store from "./store.js";
import { App } from "./views/app.js";

const FLEET_INTERVAL_MS = 3_000;
const PIPELINE_INTERVAL_MS = 5_000;
const LATEST_INTERVAL_MS = 1_000;

const feed = new Feed(nowMs);
let refetchTimer = 0;

const socket = new LiveSocket(liveUrl(), {
  subscription: () => feed.subscription(),
  onState(isLive, reason) {
    if (!isLive && store.isSocketLive.value) feed.disconnected();
    store.isSocketLive.value = isLive;
    store.socketError.value = reason;
  },
  onMessage(message) {
    if (message.op === "batches") feed.accept(message.batches);
    if (message.op === "error") store.socketError.value = message.reason;
    if (message.op === "gap" || message.op === "late") refetch(message);
  },
});

/** @param {{host: string, process: string | null}} missed */
function refetch({ host, process }) {
  const delayMs = feed.missed({ host, process: process ?? null });
  if (Number.isNaN(delayMs)) return;
  clearTimeout(refetchTimer);
  refetchTimer = setTimeout(() => socket.resubscribe(), delayMs);
}

let followed = "";

/** Follow the selected host with its listed processes; ask anew only if they changed. */
effect(() => {
  const shown = store.selection.value;
  if (!shown) return;
  const listed = store.processes.value.filter(({ host }) => host === shown.host);
  const names = new Set([...listed.map(({ process }) => process), shown.process, null]);
  const ids = [...names].map((process) => ({ host: shown.host, process }));
  const wanted = JSON.stringify([shown, [...names].sort()]);
  if (wanted === followed) return;
  followed = wanted;
  feed.follow(ids, shown);
  socket.resubscribe();
});

async function refreshFleet() {
  try {
    if (!document.hidden) store.setFleet(await fetchFleet());
  } catch (error) {
    store.fleetError.value = String(error?.message ?? error);
  } finally {
    setTimeout(refreshFleet, FLEET_INTERVAL_MS);
  }
}

async function refreshPipeline() {
  try {
    if (!document.hidden) store.pipeline.value = await fetchPipeline();
  } catch {
    store.pipeline.value = null; // the state of the connection says why
  } finally {
    setTimeout(refreshPipeline, PIPELINE_INTERVAL_MS);
  }
}

let latestMs = -Infinity;

onDraw(() => {
  if (performance.now() - latestMs < LATEST_INTERVAL_MS) return;
  latestMs = performance.now();
  store.latest.value = feed.latest();
  const shown = store.selection.value;
  store.dataUpToMs.value = (shown && feed.of(shown)?.lastTimeMs) ?? -Infinity;
});

addEventListener("online", () => socket.wake());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) socket.wake();
});

render(html`<${App} feed=${feed} />`, document.getElementById("app"));
socket.connect();
refreshFleet();
refreshPipeline();
