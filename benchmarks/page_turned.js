/**
 * Runs before the page's first script. Once told to, it lets time pass as fast as the page
 * draws: in each turn a second passes, and real batches come again as those of that second.
 */
{
  const real = {
    now: performance.now.bind(performance),
    date: Date.now,
    frame: requestAnimationFrame,
    noFrame: cancelAnimationFrame,
    fetch,
    timeout: setTimeout,
    noTimeout: clearTimeout,
  };
  const SECOND_MS = 1_000;
  const RUN_TURNS = 60; // every process ends and begins anew as often, as in a crash loop
  const PAINT_TURNS = 10;
  const TIMES = ["from", "to", "start", "end", "time"];

  let isTurning = false;
  let [perfMs, dateMs, turns] = [0, 0, 0];
  let socket = null;
  let recorded = []; // texts heard, by second
  let recordedFrom = 0;

  /** What a second had comes as the next one begins. */
  const secondNow = () => Math.floor((real.date() + 100) / SECOND_MS);

  const nowMs = () => (isTurning ? perfMs : real.now());
  performance.now = nowMs;
  Date.now = () => (isTurning ? dateMs : real.date());

  let frames = new Map();
  let frameCount = 1e9;
  globalThis.requestAnimationFrame = (draw) => {
    if (!isTurning) return real.frame.call(globalThis, draw);
    frames.set(++frameCount, draw);
    return frameCount;
  };
  globalThis.cancelAnimationFrame = (id) => frames.delete(id) || real.noFrame.call(globalThis, id);

  const timers = new Map();
  globalThis.setTimeout = (act, delayMs = 0, ...rest) => {
    const run = () => {
      clearTimeout(id);
      act(...rest);
    };
    const id = real.timeout.call(globalThis, run, delayMs);
    timers.set(id, { dueMs: nowMs() + delayMs, run });
    return id;
  };
  globalThis.clearTimeout = (id) => {
    timers.delete(id);
    real.noTimeout.call(globalThis, id);
  };

  // What the page asks for over and over is answered as before, at once, and as of now.
  const answers = new Map();
  const questionOf = (address) => {
    const { pathname, searchParams } = new URL(address, location.href);
    for (const name of TIMES) searchParams.delete(name);
    return `${pathname}?${searchParams}`;
  };
  const answered = (text) =>
    new Response(text, { headers: { "content-type": "application/json", date: new Date(Date.now()).toUTCString() } });
  globalThis.fetch = async (address, options) => {
    const question = questionOf(address);
    const known = answers.get(question);
    if (isTurning && known !== undefined) return answered(known);
    const answer = await real.fetch.call(globalThis, address, options);
    if (!answer.ok) return answer;
    const text = await answer.text();
    answers.set(question, text);
    return isTurning ? answered(text) : new Response(text, answer);
  };

  globalThis.WebSocket = class extends WebSocket {
    constructor(...address) {
      super(...address);
      socket = this;
      // Heard before the page hears it.
      this.addEventListener("message", (event) => {
        if (!event.isTrusted || !event.data.includes('"batches"')) return;
        if (isTurning) event.stopImmediatePropagation();
        else recorded[secondNow() - recordedFrom]?.push(event.data);
      });
    }
  };

  /** The batches of a recorded second, as those of the second that is now. */
  function* heard() {
    const cycle = Math.floor(turns / recorded.length) + 1;
    const run = Math.floor(turns / RUN_TURNS);
    for (const message of recorded[turns % recorded.length]) {
      const batches = message.batches.map((batch) => ({
        ...batch,
        slot: batch.slot + cycle * recorded.length,
        run: batch.kind === "process" ? `${batch.run}-${run}` : batch.run,
      }));
      yield JSON.stringify({ ...message, batches });
    }
  }

  const rest = (asPainted) =>
    new Promise((resolve) => {
      if (asPainted) return real.frame.call(globalThis, resolve);
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = resolve;
      port2.postMessage(null);
    });

  async function turnOnce() {
    perfMs += SECOND_MS;
    dateMs += SECOND_MS;
    for (const data of heard()) socket.dispatchEvent(new MessageEvent("message", { data }));
    turns += 1;
    for (const { dueMs, run } of [...timers.values()]) if (dueMs <= perfMs) run();
    const asked = [...frames.values()];
    frames = new Map();
    for (const draw of asked) draw(perfMs);
    await rest(turns % PAINT_TURNS === 0);
  }

  globalThis.turned = {
    /** Note what comes in each of the next seconds, then stop the clock; how much that was. */
    async record(seconds) {
      recorded = Array.from({ length: seconds }, () => []);
      recordedFrom = secondNow() + 1;
      const lastingMs = (recordedFrom + seconds) * SECOND_MS - real.date();
      await new Promise((resolve) => real.timeout.call(globalThis, resolve, lastingMs));
      recorded = recorded.map((second) => second.map((text) => JSON.parse(text)));
      [perfMs, dateMs, isTurning] = [real.now(), real.date(), true];
      return recorded.map((second) => second.flatMap(({ batches }) => batches).length);
    },
    /** Let so many seconds pass; how long a turn took, in ms. */
    async turn(count) {
      const began = real.now();
      for (let i = 0; i < count; i += 1) await turnOnce();
      return (real.now() - began) / count;
    },
    nowMs: () => Date.now(),
  };
}
