import assert from "node:assert/strict";
import { test } from "node:test";
import { routeFrom } from "../../robometrics/viz/route.js";
import { HOSTS_MAX, asksOf } from "../../robometrics/viz/wanted.js";

const fleetOf = (count) => Array.from({ length: count }, (_, i) => ({ host: `h${i}`, state: "live" }));
const gpusOf = (hosts) => hosts.map(({ host }) => ({ host, gpu: 0, state: "live" }));
const namesOf = (asks) => asks.map(({ ids }) => ids.map(({ host }) => host));

test("a small fleet is watched whole, of a large one what is in sight", () => {
  const asked = (hosts, inSight) =>
    asksOf(routeFrom(""), { hosts, processes: [], gpus: gpusOf(hosts) }, { inSight });
  const small = fleetOf(HOSTS_MAX);
  const all = small.map(({ host }) => host);
  assert.deepEqual(namesOf(asked(small, ["h1"])), [all, all]);

  const large = fleetOf(1000);
  const inSight = ["h7", "h8"];
  assert.deepEqual(namesOf(asked(large, inSight)), [inSight, inSight]);
  assert.deepEqual(namesOf(asked(large, [])), [[], []]);
});
