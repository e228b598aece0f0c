import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { LiveSocket, backoffMs } from "../../robometrics/viz/socket.js";

/** The browser's class, as far as LiveSocket uses it. */
class FakeWebSocket {
  static CONNECTING = 0;
  static OPEN = 1;
  static opened = [];
  readyState = FakeWebSocket.CONNECTING;
  sent = [];

  constructor() {
    FakeWebSocket.opened.push(this);
  }

  open() {
    this.readyState = FakeWebSocket.OPEN;
    this.onopen();
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  receive(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  close(reason = "") {
    this.readyState = 3;
    this.onclose?.({ reason });
  }
}

const series = [{ host: "vm", since_ms: 1 }];

function connected() {
  const seen = { messages: [], states: [] };
  const socket = new LiveSocket("ws://test", {
    subscription: () => series,
    onMessage: (message) => seen.messages.push(message),
    onState: (isLive, reason) => seen.states.push([isLive, reason]),
  });
  socket.connect();
  return { socket, seen };
}

beforeEach(() => {
  globalThis.WebSocket = FakeWebSocket;
  FakeWebSocket.opened = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});

test("backoff grows from half a second to five, with jitter", () => {
  assert.equal(backoffMs(0, 1), 500);
  assert.equal(backoffMs(0, 0), 250);
  assert.equal(backoffMs(2, 1), 2000);
  assert.equal(backoffMs(50, 1), 5000);
});

test("it is live once the newest subscription is confirmed, not before", () => {
  const { socket, seen } = connected();
  const [wire] = FakeWebSocket.opened;
  wire.open();
  socket.resubscribe();
  assert.deepEqual(wire.sent, [
    { op: "subscribe", id: 1, series },
    { op: "subscribe", id: 2, series },
  ]);
  wire.receive({ op: "subscribed", id: 1 });
  assert.deepEqual(seen.states, []);
  wire.receive({ op: "subscribed", id: 2 });
  wire.receive({ op: "batches", batches: [] });
  assert.deepEqual(seen.states, [[true, ""]]);
  assert.deepEqual(seen.messages, [{ op: "batches", batches: [] }]);
});

test("a lost connection comes back by itself and subscribes again", () => {
  const { seen } = connected();
  FakeWebSocket.opened[0].open();
  FakeWebSocket.opened[0].close("restarting");
  assert.deepEqual(seen.states, [[false, "restarting"]]);
  mock.timers.tick(500);
  assert.equal(FakeWebSocket.opened.length, 2);
  FakeWebSocket.opened[1].open();
  assert.equal(FakeWebSocket.opened[1].sent[0].op, "subscribe");
});

test("waking up does not sit out the backoff, and connects once", () => {
  const { socket } = connected();
  FakeWebSocket.opened[0].close();
  socket.wake();
  assert.equal(FakeWebSocket.opened.length, 2);
  mock.timers.tick(60_000);
  assert.equal(FakeWebSocket.opened.length, 2);
});

test("waking up replaces a connection gone silent, and only that", () => {
  const { socket, seen } = connected();
  const [wire] = FakeWebSocket.opened;
  wire.open();
  wire.receive({ op: "subscribed", id: 1 });
  socket.wake();
  assert.equal(FakeWebSocket.opened.length, 1);
  mock.timers.tick(11_000);
  socket.wake();
  assert.equal(FakeWebSocket.opened.length, 2);
  assert.deepEqual(seen.states.at(-1), [false, ""]);
});
