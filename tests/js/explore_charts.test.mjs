import assert from "node:assert/strict";
import { test } from "node:test";
import { catalogueOf } from "../../robometrics/viz/catalogue.js";
import { LINES_MAX, chartsOf } from "../../robometrics/viz/explore/charts.js";
import { NOTHING } from "../../robometrics/viz/explore/choice.js";
import { Fetched, foundIn } from "../../robometrics/viz/explore/fetched.js";
import { nameOfGroup } from "../../robometrics/viz/explore/names.js";
import { csvOf, rowsOf } from "../../robometrics/viz/explore/rows.js";
import { snippetOf } from "../../robometrics/viz/explore/snippet.js";
import { specOf } from "../../robometrics/viz/explore/spec.js";

const HOUR_MS = 3_600_000;
const CATALOGUE = catalogueOf([
  { name: "cpu_percent", unit: "percent", kind: "rate" },
  { name: "gpu_time_percent", unit: "percent", kind: "rate" },
  { name: "memory_rss_bytes", unit: "bytes", kind: "gauge" },
]);
const LOOK = { background: "#fff", text: "#000", grid: "#ddd", series: Array.from({ length: 8 }, (_, i) => `#${i}`) };

const answer = (host, process, metrics, timeMs = [0, 1000, 2000, 3000]) => ({
  ...{ host, process, gpu: null, resolution: "raw", step_ms: 1000, time_ms: timeMs, gaps: [] },
  metrics: Object.fromEntries(Object.entries(metrics).map(([name, values]) => [name, { unit: "", values }])),
});
const foundOf = (series, laterMs = 0) => foundIn({ from_ms: 0, to_ms: 0, series }, 1000, laterMs);
const choiceOf = (change) => ({ ...NOTHING, metrics: ["cpu_percent"], processes: ["*"], ...change });

test("there is one chart for each unit, and a line for each series and metric that has values", () => {
  const found = foundOf([
    answer("a", "planner", { cpu_percent: [1, 2, null, 4], gpu_time_percent: [1, 1, 1, 1], memory_rss_bytes: [5, 5, 5, 5] }),
    answer("a", "arm", { cpu_percent: [1, 1, 1, 1], gpu_time_percent: [null, null, null, null], memory_rss_bytes: [5, 5, 5, 5] }),
  ]);
  const choice = choiceOf({ metrics: ["memory_rss_bytes", "cpu_percent", "gpu_time_percent"] });
  const charts = chartsOf(choice, CATALOGUE, found, []);
  assert.deepEqual(charts.map(({ unit }) => unit), ["bytes", "percent"]);
  assert.deepEqual(charts[0].lines.map(({ label }) => label), ["planner", "arm"]);
  assert.deepEqual(charts[1].lines.map(({ label }) => label), ["planner · cpu", "planner · gpu time", "arm · cpu"]);
});

test("names say the host only where there are several", () => {
  const series = [answer("a", "arm", { cpu_percent: [1] }, [0]), answer("b", "arm", { cpu_percent: [1] }, [0])];
  const [{ lines }] = chartsOf(choiceOf({}), CATALOGUE, foundOf(series), []);
  assert.deepEqual(lines.map(({ label }) => label), ["a / arm", "b / arm"]);
});

test("a group is named by what its series have in common", () => {
  assert.equal(nameOfGroup({ host: "a", "tag:robot": "" }), "a / robot=none");
  assert.equal(nameOfGroup({ gpu: "0" }), "GPU 0");
  assert.equal(nameOfGroup({ gpu: "" }), "all");
});

test("what was earlier lies dashed where it is compared, in the same colour", () => {
  const now = foundOf([answer("a", "arm", { cpu_percent: [5, 6] }, [HOUR_MS, HOUR_MS + 1000])]);
  const before = foundOf([answer("a", "arm", { cpu_percent: [1, 2] }, [0, 1000])], HOUR_MS);
  const [{ lines }] = chartsOf(choiceOf({ compareMs: HOUR_MS }), CATALOGUE, now, before);
  assert.deepEqual(lines.map(({ label }) => label), ["arm", "arm · 1h earlier"]);
  assert.equal(lines[0].paint.color, lines[1].paint.color);
  assert.deepEqual(lines.map(({ paint }) => paint.dash), [0, 1]);
  const [{ lines: drawn }] = chartsOf(choiceOf({ compareMs: HOUR_MS }), CATALOGUE, now, before);
  assert.deepEqual(drawn[1].entry.tracks.get("cpu_percent").summary(HOUR_MS, HOUR_MS), { min: 1, mean: 1, max: 1 });
});

test("a series keeps its colour from chart to chart, its quantiles are dashed", () => {
  const series = answer("a", "arm", { cpu_percent: [1], memory_rss_bytes: [1] }, [0]);
  series.metrics.cpu_percent.quantiles = { p95: [2], p99: [3] };
  const found = foundOf([series]);
  const charts = chartsOf(choiceOf({ metrics: ["cpu_percent", "memory_rss_bytes"] }), CATALOGUE, found, []);
  const [cpu, memory] = charts.map(({ lines }) => lines);
  assert.deepEqual(cpu.map(({ label }) => label), ["arm", "arm · p95", "arm · p99"]);
  assert.deepEqual(cpu.map(({ paint }) => paint.dash), [0, 1, 2]);
  assert.deepEqual(new Set([...cpu, ...memory].map(({ paint }) => paint.color)).size, 1);
});

test("lines beyond what one can tell apart are counted, not drawn", () => {
  const many = Array.from({ length: LINES_MAX + 5 }, (_, i) => answer("a", `p${i}`, { cpu_percent: [1] }, [0]));
  const [{ lines, left }] = chartsOf(choiceOf({}), CATALOGUE, foundOf(many), []);
  assert.deepEqual([lines.length, left], [LINES_MAX, 5]);
});

test("rows have each value that is drawn, and one null where a line breaks", () => {
  const found = foundOf([answer("a", "arm", { cpu_percent: [1, null, null, 4] })]);
  const charts = chartsOf(choiceOf({}), CATALOGUE, found, []);
  const drawn = (joined) => rowsOf(charts, 0, 4000, 1000, () => joined).map(({ time, value }) => [time.slice(17, 19), value]);
  assert.deepEqual(drawn(0), [["00", 1], ["01", null], ["03", 4]]);
  assert.deepEqual(drawn(2), [["00", 1], ["03", 4]]);
});

test("a file of rows is harmless in a spreadsheet, and exact", () => {
  const found = foundOf([answer("a", '=cmd|"x"', { cpu_percent: [0.1, null, 3, null] })]);
  const text = csvOf(rowsOf(chartsOf(choiceOf({}), CATALOGUE, found, []), 0, 4000, 1000, () => 0));
  const [head, first, second, end] = text.split("\n");
  assert.equal(head, '"time","series","metric","unit","statistic","compared","value","min","max"');
  assert.equal(first, `"1970-01-01T00:00:00.000Z","'=cmd|""x""","cpu_percent","percent","mean","",0.1,0.1,0.1`);
  assert.match(second, /3,3,3$/);
  assert.equal(end, "");
});

test("the specification has its data in it, and one view for each unit", () => {
  const found = foundOf([answer("a", "arm", { cpu_percent: [1, 2, 3, 4], memory_rss_bytes: [3e7, 3e7, 3e7, 3e7] })]);
  const charts = chartsOf(choiceOf({ metrics: ["cpu_percent", "memory_rss_bytes"] }), CATALOGUE, found, []);
  const rows = rowsOf(charts, 0, 4000, 1000, () => 0);
  const spec = specOf(charts, rows, LOOK, { isUtc: true, title: "now", fromMs: 0, toMs: 4000 });
  assert.equal(spec.data.values.length, 8);
  assert.equal(spec.vconcat.length, 2);
  assert.equal(spec.vconcat[0].encoding.x.scale.type, "utc");
  assert.deepEqual(spec.vconcat[0].encoding.color.scale, { domain: ["arm"], range: [LOOK.series[charts[0].lines[0].paint.color]] });
  const marks = spec.vconcat[1].layer[0].encoding.y.axis.values;
  assert.deepEqual(marks.slice(0, 3), [0, 8 * 2 ** 20, 16 * 2 ** 20]);
  assert.equal(spec.config.background, "#fff");
  assert.deepEqual(JSON.parse(JSON.stringify(spec)), spec);
});

/** Asks once, and is stopped then. */
async function answered(parameters, range, earlierMs, query) {
  return new Promise((resolve) => {
    const changed = () => {
      fetched.stop();
      resolve(fetched);
    };
    const fetched = new Fetched(parameters, range, 1000, earlierMs, { bounds: () => range, changed, query });
    fetched.start();
  });
}

test("the same is asked for at an earlier time, and drawn at this one", async () => {
  const asked = [];
  const query = async (parameters) => {
    asked.push(Object.fromEntries(parameters));
    return { from_ms: 0, to_ms: 0, series: [], groups: [{ labels: { host: "a" }, series: 2, resolution: "raw", step_ms: 1000, time_ms: [0], metrics: { cpu_percent: { unit: "percent", values: [7] } } }] };
  };
  const range = { fromMs: 10 * HOUR_MS, toMs: 10 * HOUR_MS + 60_000 };
  const fetched = await answered([["group_by", "host"]], range, HOUR_MS, query);
  assert.deepEqual(asked, [
    { group_by: "host", from: "1970-01-01T09:00:00.000Z", to: "1970-01-01T09:01:00.000Z", max_points: "60" },
  ]);
  assert.equal(fetched.isLoaded, true);
  assert.deepEqual(fetched.found.map(({ name, id }) => [name, id]), [["a", null]]);
  assert.equal(fetched.found[0].entry.tracks.get("cpu_percent").last.timeMs, HOUR_MS);
});

test("why the server did not answer is told", async () => {
  const query = async () => Promise.reject(new Error("the database is away"));
  const fetched = await answered([], { fromMs: 0, toMs: 60_000 }, 0, query);
  assert.equal(fetched.problem, "the database is away");
  assert.equal(fetched.isLoaded, false);
});

test("the Python says what is shown, and quotes what is hostile", () => {
  const place = { url: "http://127.0.0.1:8420", range: { spanMs: 900_000 }, steps: 450, gpus: [] };
  const text = snippetOf(choiceOf({ processes: ['a"b\\'], tags: ["robot=a=b"], hosts: ["x", "y"] }), place);
  assert.match(text, /^import robometrics\n/);
  for (const line of ['    host=["x", "y"],', '    process="a\\"b\\\\",', '    tags={"robot": "a=b"},', '    start="-15m",', "    points=450,"]) {
    assert.ok(text.includes(`${line}\n`), line);
  }
  assert.doesNotMatch(text, /stop=/);
  const fixed = snippetOf(choiceOf({}), { ...place, range: { fromMs: 0, toMs: 1000 } });
  assert.match(fixed, /stop="1970-01-01T00:00:01.000Z"/);
});

test("the Python has its token from the environment, and none where none is wanted", () => {
  const place = { url: "http://127.0.0.1:8420", range: { spanMs: 900_000 }, steps: 450, gpus: [] };
  for (const choice of [choiceOf({}), choiceOf({ groupBy: ["host"] })]) {
    assert.match(snippetOf(choice, { ...place, wantsToken: true }), /ROBOMETRICS_TOKEN/);
    assert.doesNotMatch(snippetOf(choice, place), /TOKEN/);
  }
});

test("groups, which only the server makes, are asked of it", () => {
  const place = { url: "http://127.0.0.1:8420", range: { spanMs: 900_000 }, steps: 450, gpus: [] };
  const text = snippetOf(choiceOf({ groupBy: ["host"] }), place);
  assert.match(text, /\("group_by", "host"\),\n/);
  assert.match(text, /"http:\/\/127.0.0.1:8420\/api\/v1\/query\?"/);
});
