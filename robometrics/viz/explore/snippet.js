/** The Python that fetches what is shown. Pure. */

import { isLive } from "../range.js";
import { rangeParameters, seriesParameters, workParameters } from "./asking.js";
import { isPolled } from "./choice.js";

/** @typedef {import("./choice.js").Choice} Choice */

/**
 * @typedef {object} Place
 * @property {string} url of the server, as the page knows it
 * @property {import("../range.js").Range} range
 * @property {number} steps
 * @property {import("../api.js").Gpu[]} gpus those known
 * @property {boolean} [wantsToken] whether the server asks who one is
 */

/** A text as Python has it: every literal of JSON is one of Python too. @param {unknown} value */
const literal = (value) => JSON.stringify(value);

/** @param {string[]} names */
const oneOrMore = (names) => (names.length === 1 ? literal(names[0]) : `[${names.map(literal).join(", ")}]`);

/** @param {Choice} choice @param {Place} place */
export const snippetOf = (choice, place) => (isPolled(choice) ? asking(choice, place) : calling(choice, place));

/** @param {Choice} choice @param {Place} place */
function calling(choice, { url, range, steps, gpus, wantsToken }) {
  const parameters = seriesParameters(choice, gpus);
  const of = (/** @type {string} */ name) => parameters.filter(([each]) => each === name).map(([, value]) => value);
  const [[, start], [, stop]] = rangeParameters(range);
  const tags = choice.tags.map((tag) => [tag.slice(0, tag.indexOf("=")), tag.slice(tag.indexOf("=") + 1)]);
  const words = [
    ...choice.metrics.map(literal),
    `host=${oneOrMore(of("host"))}`,
    ...(choice.processes.length > 0 ? [`process=${oneOrMore(of("process"))}`] : []),
    ...(of("gpu").length > 0 ? [`gpu=[${of("gpu").join(", ")}]`] : []),
    ...(tags.length > 0 ? [`tags={${tags.map(([key, value]) => `${literal(key)}: ${literal(value)}`).join(", ")}}`] : []),
    `start=${literal(start)}`,
    ...(isLive(range) ? [] : [`stop=${literal(stop)}`]),
    `points=${steps}`,
    `url=${literal(url)}`,
  ];
  return [
    ...(wantsToken ? ["# The server wants a token: in ROBOMETRICS_TOKEN, or a file that token_file names."] : []),
    "import robometrics",
    "",
    "table = robometrics.query(",
    ...words.map((word) => `    ${word},`),
    ")",
    "frame = table.polars()  # or table.pandas(), table.arrow(), table.rows()",
    "print(frame)",
    "",
  ].join("\n");
}

/** Groups, tops and quantiles are the server's work: it is asked. @param {Choice} choice @param {Place} place */
function asking(choice, { url, range, steps, gpus, wantsToken }) {
  /** @type {[string, string][]} */
  const parameters = [
    ...seriesParameters(choice, gpus),
    ...workParameters(choice),
    ...rangeParameters(range),
    ["max_points", String(steps)],
  ];
  return [
    "import json",
    ...(wantsToken ? ["import os"] : []),
    "import urllib.parse",
    "import urllib.request",
    "",
    "asked = [",
    ...parameters.map(([name, value]) => `    (${literal(name)}, ${literal(value)}),`),
    "]",
    `url = ${literal(`${url}/api/v1/query?`)} + urllib.parse.urlencode(asked)`,
    "request = urllib.request.Request(url)",
    ...(wantsToken ? [`request.add_header("Authorization", "Bearer " + os.environ["ROBOMETRICS_TOKEN"])`] : []),
    "with urllib.request.urlopen(request) as reply:",
    "    answer = json.load(reply)",
    "for found in answer.get(\"groups\") or answer[\"series\"]:",
    "    for metric, columns in found[\"metrics\"].items():",
    "        print(found.get(\"labels\") or found[\"process\"] or found[\"host\"], metric, columns[\"values\"][-5:])",
    "",
  ].join("\n");
}
