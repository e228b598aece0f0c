import assert from "node:assert/strict";
import { test } from "node:test";
import { describePipeline } from "../../robometrics/viz/pipeline.js";

const well = { ok: true, problem: "" };
const away = { ok: false, problem: "no connection" };

function pipeline(changes = {}) {
  return {
    broker: well,
    database: well,
    stream: { messages: 0, percent_full: 0, oldest_age_seconds: null },
    dead_letters: 0,
    hosts: [],
    ...changes,
  };
}

const stream = (messages, percent_full, oldest_age_seconds) => ({
  stream: { messages, percent_full, oldest_age_seconds },
});

const cases = [
  [{}, false, "stored within 2 s"],
  [stream(40, 0.01, 2.3), false, "stored within 3 s"],
  [stream(40, 0.01, 15.4), false, "stored within 16 s"],
  [stream(400, 0.2, 40), true, "400 batches wait in the stream (< 1 %), the oldest for 40 s"],
  [stream(9, 91, 3), true, "9 batches wait in the stream (91 %), the oldest for 3 s"],
  [
    { database: away, hosts: null, dead_letters: null, ...stream(12_400, 7.2, 60) },
    true,
    "MongoDB is away: 12,400 batches wait in the stream (7 %)",
  ],
  [{ database: away, ...stream(1, 0, 1) }, true, "MongoDB is away: 1 batch waits in the stream (< 1 %)"],
  [{ broker: away, stream: null }, true, "the broker is away: hosts keep what they measure"],
  [{ broker: away, database: away, stream: null, hosts: null }, true, "the broker is away: hosts keep what they measure"],
  [{ hosts: [{ host: "robot-7", outbox_messages: 1200 }] }, true, "robot-7 holds 1,200 batches"],
  [{ hosts: [{ host: "robot-7", outbox_messages: 99 }] }, false, "stored within 2 s"],
  [
    { hosts: [1200, 300, 12].map((outbox_messages, i) => ({ host: `robot-${i}`, outbox_messages })) },
    true,
    "robot-0 and 1 more host hold 1,500 batches",
  ],
  [
    { hosts: [900, 500, 100].map((outbox_messages, i) => ({ host: `robot-${i}`, outbox_messages })) },
    true,
    "robot-0 and 2 more hosts hold 1,500 batches",
  ],
  [{ hosts: [{ host: "r", outbox_messages: 0, clock_offset_ms: 999 }] }, false, "stored within 2 s"],
  [{ hosts: [{ host: "r", outbox_messages: 0, clock_offset_ms: null }] }, false, "stored within 2 s"],
  [{ hosts: [{ host: "r", outbox_messages: 0, clock_offset_ms: 7040 }] }, true, "r's clock is 7.0 s ahead"],
  [
    { hosts: [-2500, 3000].map((clock_offset_ms) => ({ host: "r", outbox_messages: 0, clock_offset_ms })) },
    true,
    "r's clock is 2.5 s behind (1 more is off too)",
  ],
  [
    { ...stream(500, 2, 20), hosts: [{ host: "r", outbox_messages: 100 }] },
    true,
    "500 batches wait in the stream (2 %), the oldest for 20 s; r holds 100 batches",
  ],
];

for (const [changes, isBehind, text] of cases) {
  test(`it says: ${text} (${JSON.stringify(changes).slice(0, 60)})`, () => {
    const said = describePipeline(pipeline(changes));
    assert.deepEqual([said.isBehind, said.text], [isBehind, text]);
  });
}

test("what it hides is in the details", () => {
  const said = describePipeline(
    pipeline({ dead_letters: 2, database: away, ...stream(3, 1, 1) }),
  );
  assert.equal(said.details, "3 batches wait in the stream (1 %); no connection; 2 dead letters");
});
