import assert from "node:assert/strict";
import { test } from "node:test";
import {
  COLUMNS,
  USUAL,
  nameFilter,
  sorted,
  sortedBy,
  sortingFrom,
  sortingText,
  treeOf,
} from "../../robometrics/viz/proctable.js";

const row = (process, fields = {}) => ({
  process,
  host: "vm",
  state: "running",
  run: "r",
  pid: 1,
  started_ms: 0,
  exit_code: null,
  ...fields,
});
const names = (rows) => rows.map((each) => (each.row ?? each).process);
const none = () => null;
const all = () => true;

test("running processes come first, then names as people count", () => {
  const rows = [row("arm-10"), row("old", { state: "exited" }), row("arm-9")];
  assert.deepEqual(names(sorted(rows, USUAL, none)), ["arm-9", "arm-10", "old"]);
});

test("what has no value is last, from the least and from the greatest", () => {
  const values = { a: 5, b: null, c: 50 };
  const rows = ["b", "a", "c"].map((name) => row(name));
  const valueOf = ({ process }) => values[process];
  assert.deepEqual(names(sorted(rows, { column: "cpu", isDown: true }, valueOf)), ["c", "a", "b"]);
  assert.deepEqual(names(sorted(rows, { column: "cpu", isDown: false }, valueOf)), ["a", "c", "b"]);
});

test("the youngest has been up for the shortest time, and what ended is not up", () => {
  const rows = [row("old", { started_ms: 1 }), row("gone", { state: "exited" }), row("young", { started_ms: 9 })];
  assert.deepEqual(names(sorted(rows, sortingFrom("since"), none)), ["young", "old", "gone"]);
});

test("a sorting goes into the address and comes back; the usual one and nonsense do not", () => {
  for (const { id } of COLUMNS) {
    for (const isDown of [true, false]) {
      const sorting = { column: id, isDown };
      assert.deepEqual(sortingFrom(sortingText(sorting)[0]), sorting);
    }
  }
  assert.deepEqual(sortingText(USUAL), []);
  assert.deepEqual(sortingFrom("-constructor"), USUAL);
});

test("numbers begin with the greatest, and a second click turns it round", () => {
  const once = sortedBy(USUAL, "memory");
  assert.deepEqual(once, { column: "memory", isDown: true });
  assert.deepEqual(sortedBy(once, "memory"), { column: "memory", isDown: false });
  assert.deepEqual(sortedBy(once, "name"), { column: "name", isDown: false });
});

test("a filter is part of a name, or a pattern between slashes", () => {
  assert.ok(nameFilter("LAN").isWanted("planner"));
  assert.ok(nameFilter("a.b").isWanted("xa.by"));
  assert.ok(!nameFilter("a.b").isWanted("aXb"));
  assert.ok(nameFilter("/^arm-\\d+$/").isWanted("arm-12"));
  assert.ok(!nameFilter("/^arm-\\d+$/").isWanted("arm-x"));
  assert.ok(nameFilter("/^ARM").isWanted("arm-1"), "while it is typed it is one already");
});

test("a pattern that is none says why, and hides nothing", () => {
  const { isWanted, problem } = nameFilter("/(/");
  assert.match(problem, /regular expression/i);
  assert.ok(isWanted("anything"));
});

test("each process stands below the one that started it, siblings in their order", () => {
  const rows = [row("c", { parent: "a" }), row("b", { parent: "a" }), row("a"), row("d", { parent: "b" })];
  assert.deepEqual(
    treeOf(rows, all).map(({ row: { process }, depth }) => [process, depth]),
    [["a", 0], ["c", 1], ["b", 1], ["d", 2]],
  );
});

test("a filter in a tree keeps what leads to what is wanted", () => {
  const rows = [row("a"), row("b", { parent: "a" }), row("c", { parent: "b" }), row("d", { parent: "a" })];
  assert.deepEqual(
    treeOf(rows, (name) => name === "c").map(({ row: { process }, isContext }) => [process, isContext]),
    [["a", true], ["b", true], ["c", false]],
  );
});

test("who started each other, or was started by nobody known, is still there once", () => {
  const rows = [
    row("a", { parent: "b" }),
    row("b", { parent: "a" }),
    row("self", { parent: "self" }),
    row("orphan", { parent: "gone" }),
    row("below", { parent: "a" }),
  ];
  assert.deepEqual(names(treeOf(rows, all)).toSorted(), ["a", "b", "below", "orphan", "self"]);
});
