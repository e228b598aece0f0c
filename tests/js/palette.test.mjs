import assert from "node:assert/strict";
import { test } from "node:test";
import { COLORS, DASHES, paints } from "../../robometrics/viz/palette.js";
import { shortNames } from "../../robometrics/viz/labels.js";

const names = (count) => Array.from({ length: count }, (_, i) => `host-${i}/cpu_percent`);
const looks = (found) => new Set([...found.values()].map(({ color, dash }) => `${color}/${dash}`));

test("no two lines look alike while there are colours and dashes enough", () => {
  for (const count of [1, 2, 8, 20, COLORS * DASHES.length]) {
    assert.equal(looks(paints(names(count))).size, count);
  }
  assert.equal(paints(names(100)).size, 100);
});

test("few lines are told apart by colour alone, and a name keeps its own", () => {
  const found = paints(names(COLORS));
  assert.ok([...found.values()].every(({ dash }) => dash === 0));
  assert.deepEqual(paints(names(COLORS).reverse()), found);
  const [name] = names(1);
  assert.deepEqual(paints([name]).get(name), paints([name, "zzz"]).get(name));
});

test("labels leave out what all have in common", () => {
  assert.deepEqual(shortNames(["cpu_user_percent", "cpu_system_percent"]), ["user", "system"]);
  assert.deepEqual(shortNames(["load_1m", "load_15m"]), ["1m", "15m"]);
  assert.deepEqual(shortNames(["cpu_pressure_percent", "io_pressure_percent"]), ["cpu", "io"]);
  assert.deepEqual(shortNames(["memory_rss_bytes"]), ["memory rss bytes"]);
  assert.deepEqual(shortNames(["a", "a_b"]), ["a", "a b"]);
});
