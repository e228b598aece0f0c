import assert from "node:assert/strict";
import { test } from "node:test";
import {
  queryFromSelection,
  selectionByDefault,
  selectionFromQuery,
} from "../../robometrics/viz/selection.js";

test("any name survives the address", () => {
  for (const process of [null, "planner", "<img src=x onerror=alert(1)>", "a&b=c#d %2F+é"]) {
    const selection = { host: "v&m?", process };
    assert.deepEqual(selectionFromQuery(queryFromSelection(selection)), selection);
  }
});

test("an address without a host selects nothing", () => {
  assert.equal(selectionFromQuery(""), null);
  assert.equal(selectionFromQuery("?process=planner"), null);
});

test("a first visit shows what runs", () => {
  const hosts = [
    { host: "a", state: "offline" },
    { host: "b", state: "live" },
  ];
  const exited = { host: "a", process: "old", state: "exited" };
  const running = { host: "b", process: "planner", state: "running" };
  assert.deepEqual(selectionByDefault(hosts, [exited, running]), {
    host: "b",
    process: "planner",
  });
  assert.deepEqual(selectionByDefault(hosts, [exited]), { host: "b", process: null });
  assert.deepEqual(selectionByDefault(hosts.slice(0, 1), []), { host: "a", process: null });
  assert.equal(selectionByDefault([], []), null);
});
