import assert from "node:assert/strict";
import { test } from "node:test";
import { catalogueOf } from "../../robometrics/viz/catalogue.js";
import { asksIn, sectionsOf, shownOf } from "../../robometrics/viz/sections.js";

const row = (name, group, fields = {}) => ({
  name, group, unit: "", kind: "gauge", description: "", source: null, scale: null, period_seconds: 0, of: ["host"], ...fields,
});
const rate = (name, source, group) => row(name, group, { kind: "rate", source, scale: 1 });
const CATALOGUE = catalogueOf([
  row("cpu_time_ns", "cpu", { kind: "counter" }),
  rate("cpu_percent", "cpu_time_ns", "cpu"),
  row("load_1m", "scheduling"),
  row("swap_in_bytes_total", "memory", { kind: "counter" }),
  rate("swap_in_bytes_per_second", "swap_in_bytes_total", "memory"),
  row("memory_used_bytes", "memory"),
  row("disk_read_bytes_total", "disk", { kind: "counter" }),
  rate("disk_read_bytes_per_second", "disk_read_bytes_total", "disk"),
  row("filesystem_used_bytes", "disk"),
  row("filesystem_inodes_free_count", "disk"),
  row("gpu_utilization_percent", "gpu", { of: ["gpu"] }),
  row("gpu_fan_percent", "gpu", { of: ["gpu"] }),
]);
const OWN = {
  cpu_time_ns: ["", "10", "9", "0"],
  load_1m: [""],
  swap_in_bytes_total: [""],
  disk_read_bytes_total: ["", "sda", "sdb"],
  filesystem_used_bytes: ["=2F", "=2Fdata"],
  filesystem_inodes_free_count: ["=2F"],
  flux_density_teslas: ["left=20arm"],
};
const of = (own = OWN, gpus = [], ofGpus = new Map()) => sectionsOf("vm", { own, gpus: ofGpus }, gpus, CATALOGUE);
const find = (sections, id) => sections.find((section) => section.id === id);
const keys = (panels) => Object.fromEntries(panels.map(({ name, lines }) => [name, lines.map(({ metric }) => metric)]));

test("a host has the sections it has metrics for, and its tables, in the order of the page", () => {
  assert.deepEqual(of().map(({ id }) => id), [
    "cpu", "memory", "processes", "events", "load", "disk", "filesystem", "other",
  ]);
});

test("cores are one picture, in the order of their numbers", () => {
  const { panels } = find(of(), "cpu");
  assert.deepEqual(keys(panels), {
    cpu: ["cpu_percent"],
    cores: ["cpu_percent:0", "cpu_percent:9", "cpu_percent:10"],
  });
  assert.equal(panels[1].kind, "heat");
});

test("the only core, like the only disk, is the total and has its chart", () => {
  const one = of({ cpu_time_ns: ["", "0"], disk_read_bytes_total: ["", "vda"] });
  assert.deepEqual(keys(find(one, "cpu").panels), { cpu: ["cpu_percent"] });
  assert.deepEqual(keys(find(one, "disk").panels), { disk: ["disk_read_bytes_per_second"] });
});

test("each disk has a line beside the total", () => {
  assert.deepEqual(keys(find(of(), "disk").panels), {
    disk: ["disk_read_bytes_per_second"],
    "disk-read": ["disk_read_bytes_per_second:sda", "disk_read_bytes_per_second:sdb"],
  });
});

test("what has no chart by name has one among the others of its group: a counter by its rate", () => {
  assert.deepEqual(keys(find(of(), "memory").more), { swap_in_bytes_per_second: ["swap_in_bytes_per_second"] });
  assert.deepEqual(keys(find(of(), "filesystem").more), {
    filesystem_inodes_free_count: ["filesystem_inodes_free_count:=2F"],
  });
});

test("a metric that only a newer worker knows is shown, its instance as people know it", () => {
  const [{ lines }] = find(of(), "other").more;
  assert.deepEqual([lines[0].metric, lines[0].label], ["flux_density_teslas:left=20arm", "left arm"]);
});

test("nothing a host has is left out, and no chart by name is there twice", () => {
  const lines = of().flatMap(({ panels, more }) => [...panels, ...more]).flatMap((panel) => panel.lines);
  const shown = new Set(lines.map(({ metric }) => metric.split(":")[0]));
  const stored = [...shown].map((name) => CATALOGUE.get(name)?.source ?? name);
  assert.deepEqual(new Set(stored), new Set([...Object.keys(OWN), "filesystem_total_bytes"]));
});

test("of a host of which nothing could be told the charts any host has are asked for", () => {
  const metrics = asksIn(shownOf(of(null), [], "")).flatMap((ask) => ask.metrics);
  assert.ok(metrics.includes("cpu_percent") && metrics.includes("network_sent_bytes_per_second"));
  assert.ok(metrics.every((metric) => !metric.includes(":")));
});

test("each GPU has a line in each chart, with what tells them apart", () => {
  const gpus = [{ gpu: 0, model: "A" }, { gpu: 1, model: "A" }];
  const contents = { gpu_utilization_percent: [""], gpu_fan_percent: [""] };
  const { panels, more } = find(of(OWN, gpus, new Map([[0, contents], [1, contents]])), "gpu");
  assert.deepEqual(panels.map(({ name, lines }) => [name, lines.map(({ label }) => label)]), [["gpu", ["0 A", "1 A"]]]);
  assert.deepEqual(more.map(({ name, lines }) => [name, lines.map(({ id }) => id.gpu)]), [["gpu_fan_percent", [0, 1]]]);
});

test("only what is shown is asked for: more when it is opened", () => {
  const asked = (open) => asksIn(shownOf(of(), open, "")).flatMap(({ metrics }) => metrics);
  assert.ok(!asked([]).includes("swap_in_bytes_per_second"));
  assert.ok(asked(["memory"]).includes("swap_in_bytes_per_second"));
});

test("a search finds charts by title, metric or line, also those not opened; all words must fit", () => {
  const names = (text) => shownOf(of(), [], text).flatMap(({ panels }) => panels.map(({ name }) => name));
  assert.deepEqual(names("swap"), ["swap_in_bytes_per_second"]);
  assert.deepEqual(names("SDB read"), ["disk-read"]);
  assert.deepEqual(names("sdb swap"), []);
  assert.deepEqual(shownOf(of(), [], "process").map(({ id }) => id), ["processes"]);
});
