import assert from "node:assert/strict";
import { test } from "node:test";
import { catalogueOf } from "../../robometrics/viz/catalogue.js";
import { metricsOfSections, sectionsOf } from "../../robometrics/viz/processpanels.js";

const CATALOGUE = catalogueOf([
  { name: "cpu_percent", kind: "rate", source: "cpu_time_ns", scale: 1e-7 },
  { name: "thread_cpu_percent", kind: "rate", source: "thread_cpu_time_ns", scale: 1e-7 },
  { name: "frames_per_second", kind: "rate", source: "frames_total", scale: 1 },
]);
const shown = (contents) =>
  sectionsOf(contents, CATALOGUE).map(({ title, panels }) => [title, panels.map(({ id, metrics }) => [id, metrics])]);

test("a process has the charts of what it has, and CPU and memory before that is known", () => {
  assert.deepEqual(shown({}), [["", [["cpu", ["cpu_percent"]], ["memory", ["memory_rss_bytes"]]]]]);
  const contents = { cpu_time_ns: [""], memory_rss_bytes: [""], memory_swap_bytes: [""], thread_count: [""] };
  assert.deepEqual(shown(contents), [
    ["", [
      ["cpu", ["cpu_percent"]],
      ["memory", ["memory_rss_bytes", "memory_swap_bytes"]],
      ["threads", ["thread_count"]],
    ]],
  ]);
});

test("each name of a thread is a line, up to so many", () => {
  const names = Array.from({ length: 40 }, (_, i) => `t${i}`);
  const [, , threads] = sectionsOf({ thread_cpu_time_ns: names }, CATALOGUE)[0].panels;
  assert.deepEqual([threads.id, threads.metrics.length, threads.metrics[0]], ["thread-cpu", 32, "thread_cpu_percent:t0"]);
});

test("what no chart has a place for has one of its own: of a counter the rate", () => {
  const sections = sectionsOf({ cpu_time_ns: [""], frames_total: [""], wheel_slip: ["left", "right"] }, CATALOGUE);
  const { title, panels } = sections.at(-1);
  assert.deepEqual([title, panels.map(({ metrics }) => metrics)], [
    "Other",
    [["frames_per_second"], ["wheel_slip:left", "wheel_slip:right"]],
  ]);
  assert.deepEqual(metricsOfSections(sections), [
    ...["cpu_percent", "memory_rss_bytes", "frames_per_second", "wheel_slip:left", "wheel_slip:right"],
  ]);
});
