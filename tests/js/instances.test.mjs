import assert from "node:assert/strict";
import { test } from "node:test";
import { catalogueOf } from "../../robometrics/viz/catalogue.js";
import { foundMetrics } from "../../robometrics/viz/explore/finding.js";
import { instancesOf, merged, offered } from "../../robometrics/viz/explore/instances.js";

const CATALOGUE = catalogueOf([
  { name: "cpu_percent", unit: "percent", kind: "rate", description: "", source: "cpu_time_ns", group: "cpu", of: ["host"] },
  { name: "load_1m", unit: "", kind: "gauge", description: "", source: null, group: "load", of: ["host"] },
  { name: "temperature_celsius", unit: "celsius", kind: "gauge", description: "", source: null, group: "temperature", of: ["host"] },
]);
const CONTENTS = merged([
  { cpu_time_ns: ["", "0", "1", "10"], load_1m: [""] },
  { cpu_time_ns: ["", "0", "2"], temperature_celsius: ["CPU=20die"] },
]);

const names = (all) => all.map(({ name }) => name);

test("what any of the series has is there once, as people count", () => {
  assert.deepEqual(["", "0", "1", "2", "10"], CONTENTS.cpu_time_ns);
  assert.deepEqual([""], CONTENTS.load_1m);
});

test("a rate has the instances of its counter, a number has none", () => {
  const cores = instancesOf(CATALOGUE, CONTENTS, "cpu_percent");
  assert.deepEqual(["0", "1", "2", "10"], names(cores));
  assert.equal("cpu_percent:10", cores[3].key);
  assert.deepEqual([], instancesOf(CATALOGUE, CONTENTS, "load_1m"));
  assert.deepEqual([], instancesOf(CATALOGUE, {}, "cpu_percent"));
  const [sensor] = instancesOf(CATALOGUE, CONTENTS, "temperature_celsius");
  assert.deepEqual({ key: "temperature_celsius:CPU=20die", name: "CPU die" }, sensor);
});

test("parts are offered of what is chosen, and where they are searched for", () => {
  const cores = instancesOf(CATALOGUE, CONTENTS, "cpu_percent");
  const sensors = instancesOf(CATALOGUE, CONTENTS, "temperature_celsius");
  assert.deepEqual([], offered(cores, [], ""));
  assert.deepEqual(cores, offered(cores, ["cpu_percent"], ""));
  assert.deepEqual(cores, offered(cores, ["cpu_percent:2"], "cpu"));
  assert.deepEqual(["1"], names(offered(cores, [], "cpu 1")));
  assert.deepEqual(["CPU die"], names(offered(sensors, ["cpu_percent"], "die")));
  assert.deepEqual([], offered(sensors, [], "d"));
});

test("a metric is found by the name of a part", () => {
  const parts = (metric) => names(instancesOf(CATALOGUE, CONTENTS, metric));
  const found = foundMetrics([...CATALOGUE.values()], "host", "die", parts);
  assert.deepEqual([["temperature", ["temperature_celsius"]]], found.map(([group, rows]) => [group, names(rows)]));
});
