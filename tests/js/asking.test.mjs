import assert from "node:assert/strict";
import { test } from "node:test";
import { literal, queriesOf, subscriptionOf, wantedOf } from "../../robometrics/viz/asking.js";
import { catalogueOf } from "../../robometrics/viz/catalogue.js";
import { gpuId, hostId, processId, seriesKey } from "../../robometrics/viz/series.js";

test("hosts are asked for together, processes and GPUs by host", () => {
  const ids = [hostId("a"), hostId("b"), processId("a", "p"), processId("a", "q"), gpuId("b", 0)];
  assert.deepEqual(queriesOf([{ ids, metrics: ["x", "y"] }]), [
    [["host", "a"], ["host", "b"], ["metric", "x,y"]],
    [["host", "a"], ["process", "p"], ["process", "q"], ["metric", "x,y"]],
    [["host", "b"], ["gpu", "0"], ["metric", "x,y"]],
  ]);
});

test("a name is itself, whatever pattern it looks like", () => {
  assert.equal(literal("a*[b]?"), "a[*][[]b][?]");
  assert.deepEqual(queriesOf([{ ids: [processId("*", "p")], metrics: ["x"] }]), [
    [["host", "[*]"], ["process", "p"], ["metric", "x"]],
  ]);
});

test("long lists of processes are all there are; of hosts and of metrics, several queries", () => {
  const names = Array.from({ length: 41 }, (_, i) => `n${i}`);
  const metrics = Array.from({ length: 33 }, (_, i) => `m${i}`);
  const named = (queries, kind) =>
    queries.map((query) => query.filter(([key]) => key === kind).map(([, name]) => name));
  const hosts = queriesOf([{ ids: names.map(hostId), metrics: ["x"] }]);
  assert.deepEqual(named(hosts, "host"), [names.slice(0, 40), ["n40"]]);
  const inner = queriesOf([{ ids: names.map((name) => processId("h", name)), metrics }]);
  assert.deepEqual(named(inner, "process"), [["*"], ["*"]]);
  assert.deepEqual(named(inner, "metric").map(([some]) => some.split(",").length), [32, 1]);
  assert.deepEqual(queriesOf([{ ids: [], metrics }, { ids: [hostId("h")], metrics: [] }]), []);
});

test("the highest of all instances is seen live only", () => {
  const ids = [hostId("h")];
  assert.deepEqual(queriesOf([{ ids, metrics: ["temperature_celsius:*"] }]), []);
  const entry = subscriptionOf(ids[0], ["temperature_celsius:*"], new Map(), 0);
  assert.deepEqual(entry.metrics, ["temperature_celsius"]);
});

test("what is wanted in several places is wanted once", () => {
  const wanted = wantedOf(
    [{ ids: [hostId("a")], metrics: ["x"] }, { ids: [hostId("a"), hostId("b")], metrics: ["y"] }],
    seriesKey,
  );
  assert.deepEqual([...wanted.values()].map(({ id, metrics }) => [id.host, ...metrics]), [["a", "x", "y"], ["b", "y"]]);
});

test("a subscription names the stored metrics, each once, and no time before 1970", () => {
  const catalogue = catalogueOf([
    { name: "cpu_percent", kind: "rate", source: "cpu_time_ns", scale: 1e-7 },
    { name: "cpu_time_ns", kind: "counter", source: null },
  ]);
  assert.deepEqual(subscriptionOf(processId("a", "p"), ["cpu_percent", "cpu_time_ns"], catalogue, -5.5), {
    host: "a",
    process: "p",
    since_ms: 0,
    metrics: ["cpu_time_ns"],
  });
  assert.deepEqual(subscriptionOf(gpuId("a", 1), ["new_bytes:x"], catalogue, 7.9), {
    host: "a",
    gpu: 1,
    since_ms: 7,
    metrics: ["new_bytes:x"],
  });
});
