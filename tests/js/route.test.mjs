import assert from "node:assert/strict";
import { test } from "node:test";
import { goneTo, ownOf, queryOf, routeFrom, titleOf, withOwn } from "../../robometrics/viz/route.js";

test("an address is a route, and a route the same address", () => {
  const queries = [
    "?",
    "?host=robot-7",
    "?host=robot-7&process=planner&from=-15m",
    "?host=a%2Fb&process=%3Cimg+src%3Dx%3E&zone=utc",
    "?from=-1h&kiosk=1&sort=cpu&filter=arm",
    "?view=explore&from=-24h&metric=cpu_percent&host=robot-*&process=*",
  ];
  for (const query of queries) assert.equal(queryOf(routeFrom(query)), query);
});

test("host and process decide what is shown", () => {
  assert.equal(routeFrom("").view, "fleet");
  assert.equal(routeFrom("?host=vm").view, "host");
  assert.equal(routeFrom("?host=vm&process=planner").view, "process");
  assert.equal(routeFrom("?process=planner").view, "fleet");
  assert.equal(routeFrom("?host=").view, "fleet");
});

test("an exploration has hosts and processes of its own choice", () => {
  const route = routeFrom("?view=explore&host=a&host=b&process=*");
  assert.equal(route.host, null);
  assert.deepEqual(ownOf(route, "host"), ["a", "b"]);
  assert.deepEqual(ownOf(route, "process"), ["*"]);
});

test("another view keeps the time, and forgets what the last one remembered", () => {
  const fleet = withOwn(routeFrom("?from=-1h&zone=utc"), "sort", ["cpu"]);
  assert.deepEqual(ownOf(fleet, "sort"), ["cpu"]);
  assert.equal(queryOf(goneTo(fleet, "host", "vm")), "?host=vm&from=-1h&zone=utc");
  assert.deepEqual(ownOf(withOwn(fleet, "sort", []), "sort"), []);
});

test("each view has a title of its own", () => {
  const titles = ["", "?host=vm", "?host=vm&process=planner", "?view=explore&host=vm"].map((query) => titleOf(routeFrom(query)));
  assert.deepEqual(titles, ["Fleet", "vm", "planner on vm", "Explore"]);
});
