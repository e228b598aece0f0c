import assert from "node:assert/strict";
import { test } from "node:test";
import { routeFrom } from "../../robometrics/viz/route.js";
import { unheardOf } from "../../robometrics/viz/unheard.js";

const HOSTS = [{ host: "robot-7" }, { host: "robot-8" }];
const PROCESSES = [{ host: "robot-7", process: "planner" }];
const unheard = (query) => unheardOf(routeFrom(query), HOSTS, PROCESSES);

test("a host that is not in the fleet is unheard of, whatever runs on it", () => {
  assert.equal(unheard("?host=nosuch"), "host");
  assert.equal(unheard("?host=nosuch&process=planner"), "host");
});

test("a process is known on its own host only", () => {
  assert.equal(unheard("?host=robot-7&process=planner"), null);
  assert.equal(unheard("?host=robot-8&process=planner"), "process");
});

test("a view that is of no host has nobody to be unheard of", () => {
  for (const query of ["", "?view=explore&host=nosuch", "?process=planner"]) assert.equal(unheard(query), null);
  assert.equal(unheard("?host=robot-7"), null);
});
