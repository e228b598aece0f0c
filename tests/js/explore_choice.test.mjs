import assert from "node:assert/strict";
import { test } from "node:test";
import { exportPath, seriesParameters, workParameters } from "../../robometrics/viz/explore/asking.js";
import { NOTHING, choiceOf, exploring, isPolled, kindOf } from "../../robometrics/viz/explore/choice.js";
import { foundMetrics } from "../../robometrics/viz/explore/finding.js";
import { choiceOfLines } from "../../robometrics/viz/explore/from_lines.js";
import { asksOfChoice, matched, matcher } from "../../robometrics/viz/explore/matching.js";
import { queryOf, routeFrom } from "../../robometrics/viz/route.js";
import { gpuId, hostId, processId } from "../../robometrics/viz/series.js";

const HOSTILE = '<img src=x onerror=alert(1)>&a=b,c#"';

const HOSTS = ["robot-1", "robot-2", "other"].map((host) => ({ host }));
const PROCESSES = [
  { host: "robot-1", process: "arm-1", tags: { robot: "left" } },
  { host: "robot-1", process: "planner", tags: {} },
  { host: "robot-2", process: "arm-2", tags: { robot: "a=b", team: "x" } },
];
const GPUS = [{ host: "robot-1", gpu: 0 }, { host: "robot-1", gpu: 1 }, { host: "robot-2", gpu: 0 }];

const there = (choice) => choiceOf(routeFrom(queryOf(exploring(routeFrom("?from=-1h&zone=utc"), choice))));

test("whatever is chosen comes back from the address", () => {
  const all = {
    metrics: ["cpu_percent", "core_cpu_percent:0"],
    hosts: ["robot-*", HOSTILE],
    processes: [HOSTILE],
    gpus: ["0", "*"],
    tags: ["robot=a=b"],
    groupBy: ["host", "tag:robot"],
    aggregate: "max",
    top: 7,
    topBy: "last",
    quantiles: [0.5, 0.999],
    compareMs: 90 * 60_000,
  };
  assert.deepEqual(there(all), all);
  assert.deepEqual(there(NOTHING), NOTHING);
});

test("the range stays with an exploration, and a link to nothing is short", () => {
  const address = queryOf(exploring(routeFrom("?host=a&process=b&from=-1h"), NOTHING));
  assert.equal(address, "?view=explore&from=-1h");
});

test("what makes no sense in an address is left out", () => {
  const query = "?view=explore&metric=&gpu=x&tag=novalue&top=-3&top_by=luck&aggregate=guess&quantile=7&compare=soon";
  assert.deepEqual(choiceOf(routeFrom(query)), NOTHING);
  assert.equal(choiceOf(routeFrom("?view=explore&top=5000")).top, 100);
});

test("a pattern matches as the server's does", () => {
  for (const [pattern, name, isMatch] of [
    ["arm", "arm", true],
    ["arm", "arms", false],
    ["*", "", true],
    ["arm-*", "arm-12", true],
    ["*-1*", "arm-1", true],
    ["a?m", "arm", true],
    ["a?m", "am", false],
    ["arm-[12]", "arm-2", true],
    ["arm-[!12]", "arm-2", false],
    ["arm-[!12]", "arm-3", true],
    ["[a-c]*", "brm", true],
    ["[]]", "]", true],
    ["a[b", "a[b", true],
    ["a.m", "arm", false],
    ["[*]", "*", true],
    ["[*]", "x", false],
    ["*ab*ab", "abcabxab", true],
    ["*ab*ab", "abcabxa", false],
    ["?", "🤖", true],
    ["[?]", HOSTILE, false],
  ]) {
    assert.equal(matcher(pattern)(name), isMatch, `${pattern} ${name}`);
  }
});

test("a pattern of many stars is as quick as any", () => {
  const started = performance.now();
  assert.equal(matcher("*a".repeat(50))("a".repeat(49).repeat(40) + "b"), false);
  assert.ok(performance.now() - started < 1_000);
});

test("series are of hosts, processes by name and tag, or GPUs", () => {
  const of = (choice) => matched({ ...NOTHING, ...choice }, HOSTS, PROCESSES, GPUS);
  assert.deepEqual(of({ hosts: ["robot-*"] }), [hostId("robot-1"), hostId("robot-2")]);
  assert.deepEqual(of({ processes: ["arm-*"] }), [processId("robot-1", "arm-1"), processId("robot-2", "arm-2")]);
  assert.deepEqual(of({ tags: ["robot=a=b"] }), [processId("robot-2", "arm-2")]);
  assert.deepEqual(of({ tags: ["robot=a=b", "team=y"] }), []);
  assert.deepEqual(of({ gpus: ["1"] }), [gpuId("robot-1", 1)]);
  assert.equal(of({ gpus: ["*"], hosts: ["robot-2"] }).length, 1);
  assert.deepEqual(["host", "process", "process", "gpu"], [
    kindOf(NOTHING),
    kindOf({ ...NOTHING, processes: ["*"] }),
    kindOf({ ...NOTHING, tags: ["a=b"] }),
    kindOf({ ...NOTHING, gpus: ["0"] }),
  ]);
});

test("what is watched live is bounded, and nothing without a metric", () => {
  const many = Array.from({ length: 500 }, (_, i) => ({ host: `host-${i}` }));
  assert.deepEqual(asksOfChoice(NOTHING, many, [], []), []);
  const [ask] = asksOfChoice({ ...NOTHING, metrics: ["load_1m"] }, many, [], []);
  assert.equal(ask.ids.length, 100);
});

test("the server is asked in its own words", () => {
  const choice = { ...NOTHING, metrics: ["cpu_percent"], gpus: ["*"], groupBy: ["host"], aggregate: "mean", quantiles: [0.5], top: 3 };
  assert.deepEqual(seriesParameters(choice, GPUS), [["metric", "cpu_percent"], ["host", "*"], ["gpu", "0"], ["gpu", "1"]]);
  assert.deepEqual(workParameters(choice), [["group_by", "host"], ["aggregate", "mean"], ["top", "3"], ["top_by", "mean"]]);
  assert.deepEqual(workParameters({ ...choice, groupBy: [], top: null }), [["quantile", "0.5"]]);
  assert.equal(isPolled(choice), true);
  assert.equal(isPolled({ ...NOTHING, compareMs: 1 }), false);
});

test("GPUs of a fleet that has none are not taken for its hosts", () => {
  assert.deepEqual(seriesParameters({ ...NOTHING, gpus: ["*"] }, []), [["host", "*"], ["gpu", "0"]]);
});

test("a file has the steps of the chart, or every sample", () => {
  const series = [["host", "a&b"], ["metric", "load_1m"]];
  assert.equal(
    exportPath(series, { spanMs: 900_000 }, "csv", 450),
    "api/v1/export?host=a%26b&metric=load_1m&from=-15m&to=now&resolution=auto&max_points=450&format=csv",
  );
  assert.match(exportPath(series, { fromMs: 0, toMs: 1000 }, "parquet", 0), /resolution=raw&format=parquet$/);
});

test("the lines of a chart lead to the same in an exploration", () => {
  const lines = [
    { id: processId("v[1]", "a*"), metric: "cpu_percent" },
    { id: processId("v[1]", "a*"), metric: "thread_count" },
  ];
  const choice = choiceOfLines(lines);
  assert.deepEqual(choice.metrics, ["cpu_percent", "thread_count"]);
  const fleet = [{ host: "v[1]", process: "a*", tags: {} }, { host: "v1", process: "ab", tags: {} }];
  assert.deepEqual(matched(choice, [], fleet, []), [processId("v[1]", "a*")]);
});

test("metrics are found by name, unit, group and description, the best first", () => {
  const metric = (name, unit, group, description, of) => ({ name, unit, group, description, of });
  const all = [
    metric("worker_lag_ns", "nanoseconds", "worker", "How late it is", ["host"]),
    metric("memory_rss_bytes", "bytes", "memory", "What is resident", ["process"]),
    metric("cpu_percent", "percent", "cpu", "CPU time", ["process", "host"]),
    metric("children_cpu_percent", "percent", "cpu", "Of children", ["process"]),
    metric("runqueue_wait_percent", "percent", "scheduling", "Waiting for a CPU", ["process"]),
  ];
  const names = (kind, text) => foundMetrics(all, kind, text).flatMap(([, rows]) => rows.map(({ name }) => name));
  assert.deepEqual(foundMetrics(all, "process", "").map(([group]) => group), ["cpu", "memory", "scheduling"]);
  assert.deepEqual(names("process", "CPU"), ["cpu_percent", "children_cpu_percent", "runqueue_wait_percent"]);
  assert.deepEqual(names("process", "resident"), ["memory_rss_bytes"]);
  assert.deepEqual(names("host", "bytes"), []);
  assert.deepEqual(names("host", "how late"), ["worker_lag_ns"]);
  assert.deepEqual(names("process", "cpu_per").slice(0, 2), ["cpu_percent", "children_cpu_percent"]);
});
