/** Where samples wait on their way to the database, in words. Pure. */

/** Older than this, and whoever looks at history misses something. */
const LATE_SECONDS = 15;

/** A host flushes each second, and has that much in flight without being behind. */
const HELD_MIN = 100;

/** Charts of two hosts side by side show a clock that is off by so much. */
const CLOCK_OFFSET_MS_MIN = 1000;

const STREAM_FULL_PERCENT = 90;

/**
 * @typedef {object} Pipeline as `GET /api/v1/pipeline` has it
 * @property {{ok: boolean, problem: string, address: string}} broker
 * @property {{ok: boolean, problem: string}} database
 * @property {{messages: number, percent_full: number, oldest_age_seconds: number | null} | null} stream
 * @property {number | null} dead_letters
 * @property {{host: string, outbox_messages: number, clock_offset_ms?: number | null}[] | null} hosts those that hold most first
 */

/** @param {number} count */
const formatCount = (count) => Math.round(count).toLocaleString("en");

/** @param {number} percent */
const formatShare = (percent) => (percent < 1 ? "< 1 %" : `${Math.round(percent)} %`);

/** @param {number} count */
const batches = (count) => `${formatCount(count)} ${count === 1 ? "batch" : "batches"}`;

/** @param {Pipeline} pipeline */
function inStream({ stream }) {
  if (!stream) return "";
  const verb = stream.messages === 1 ? "waits" : "wait";
  return `${batches(stream.messages)} ${verb} in the stream (${formatShare(stream.percent_full)})`;
}

/** @param {Pipeline} pipeline */
function onHosts({ hosts }) {
  const behind = (hosts ?? []).filter(({ outbox_messages }) => outbox_messages >= HELD_MIN);
  if (behind.length === 0) return "";
  const [first, ...others] = behind;
  if (others.length === 0) return `${first.host} holds ${batches(first.outbox_messages)}`;
  const held = behind.reduce((sum, { outbox_messages }) => sum + outbox_messages, 0);
  const more = others.length === 1 ? "1 more host" : `${formatCount(others.length)} more hosts`;
  return `${first.host} and ${more} hold ${batches(held)}`;
}

/** @param {Pipeline} pipeline */
function ofClocks({ hosts }) {
  const off = (hosts ?? [])
    .map(({ host, clock_offset_ms }) => ({ host, offsetMs: clock_offset_ms ?? 0 }))
    .filter(({ offsetMs }) => Math.abs(offsetMs) >= CLOCK_OFFSET_MS_MIN);
  if (off.length === 0) return "";
  const [{ host, offsetMs }] = off;
  const seconds = (Math.abs(offsetMs) / 1000).toFixed(1);
  const others = `${formatCount(off.length - 1)} more ${off.length === 2 ? "is" : "are"} off too`;
  const more = off.length === 1 ? "" : ` (${others})`;
  return `${host}'s clock is ${seconds} s ${offsetMs > 0 ? "ahead" : "behind"}${more}`;
}

/** @param {Pipeline} pipeline */
function atServers(pipeline) {
  const { broker, database, stream } = pipeline;
  if (!broker.ok) return "the broker is away: hosts keep what they measure";
  if (!database.ok) return ["MongoDB is away", inStream(pipeline)].filter(Boolean).join(": ");
  if (!stream) return "";
  const ageSeconds = Math.round(stream.oldest_age_seconds ?? 0);
  if (stream.percent_full < STREAM_FULL_PERCENT && ageSeconds <= LATE_SECONDS) return "";
  return `${inStream(pipeline)}, the oldest for ${formatCount(ageSeconds)} s`;
}

/**
 * @param {Pipeline} pipeline
 * @returns {{isBehind: boolean, text: string, details: string}}
 */
export function describePipeline(pipeline) {
  const problems = [atServers(pipeline), onHosts(pipeline), ofClocks(pipeline)].filter(Boolean);
  const letters = pipeline.dead_letters ?? 0;
  const details = [
    inStream(pipeline),
    pipeline.broker.problem,
    pipeline.database.problem,
    letters > 0 && `${formatCount(letters)} dead ${letters === 1 ? "letter" : "letters"}`,
  ];
  const seconds = Math.max(2, Math.ceil(pipeline.stream?.oldest_age_seconds ?? 0));
  return {
    isBehind: problems.length > 0,
    text: problems.join("; ") || `stored within ${seconds} s`,
    details: details.filter(Boolean).join("; "),
  };
}
