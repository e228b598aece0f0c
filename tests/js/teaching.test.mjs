import assert from "node:assert/strict";
import { test } from "node:test";
import { brokerUrl, lessonsOf, machineLesson, nameLesson } from "../../robometrics/viz/teaching.js";

const urls = [
  ["127.0.0.1:4222", "localhost", "nats://localhost:4222"],
  ["127.0.0.1:4333", "fleet.example.org", "nats://fleet.example.org:4333"],
  ["nats:4222", "10.0.0.7", "nats://10.0.0.7:4222"],
  ["broker.example.org:4222", "fleet.example.org", "nats://broker.example.org:4222"],
  ["10.0.0.9", "fleet", "nats://10.0.0.9:4222"],
  [null, "fleet", "nats://fleet:4222"],
  ["", "fleet", "nats://fleet:4222"],
];

for (const [told, hostname, expected] of urls) {
  test(`seen from ${hostname}, the broker ${told} is ${expected}`, () => {
    assert.equal(brokerUrl(told, hostname), expected);
  });
}

const code = (lessons, id) => lessons.find((each) => each.id === id).steps.map((step) => step.code).join("\n");

test("without any host the worker comes first, with the address of this very broker", () => {
  const lessons = lessonsOf("nats://fleet:4333", false);
  for (const { id } of lessons) {
    assert.match(code(lessons, id), /^pip install .*\nrobometrics-worker --nats-url nats:\/\/fleet:4333/);
  }
});

test("with hosts there is only the line to add, but on another machine", () => {
  const lessons = lessonsOf("nats://fleet:4222", true);
  for (const id of ["command", "python", "cpp"]) assert.doesNotMatch(code(lessons, id), /robometrics-worker/);
  assert.match(code(lessons, "machine"), /robometrics-worker --nats-url nats:\/\/fleet:4222$/);
});

test("a loopback address leads another machine nowhere: it is told to name the server", () => {
  const lessons = lessonsOf("nats://127.0.0.1:4333", false);
  assert.match(code(lessons, "command"), /nats:\/\/127\.0\.0\.1:4333/);
  assert.match(code(lessons, "machine"), /nats:\/\/SERVER:4333$/);
});

test("a missing host or process is taught by its own name", () => {
  const [machine] = machineLesson("nats://fleet:4333", "robot-9").steps;
  assert.match(machine.code, /robometrics-worker --nats-url nats:\/\/fleet:4333 --host robot-9$/);
  assert.equal(nameLesson("planner").steps[0].code, "robometrics run --name planner -- COMMAND");
});

test("what a link says is not put into a command, unless it is a name", () => {
  for (const evil of ["x; rm -rf ~", "$(id)", "a\nid", "--config=/x", "a\n", "<img>"]) {
    assert.match(machineLesson("nats://fleet:4222", evil).steps[0].code, / --host NAME$/);
    assert.equal(nameLesson(evil).steps[0].code, "robometrics run --name NAME -- COMMAND");
  }
});
