/** Where samples are known to be missing: as stretches and as rows of a list. Pure. */

/** @typedef {import("./api.js").Gap} Gap */

/**
 * Gaps that events told of: while a view is live they come by no other way.
 * @param {import("./api.js").Happening[]} events
 * @returns {Gap[]}
 */
export const gapsIn = (events) =>
  events.flatMap(({ event, from_ms, to_ms, cause, text, process, run, missing, missing_samples }) =>
    event !== "gap" || from_ms === null || to_ms === null
      ? []
      : [{ from_ms, to_ms, cause: cause ?? "", text, process, run, missing, missing_samples }],
  );

/**
 * As a chart draws them.
 * @param {Gap[]} gaps
 * @returns {import("./overlay.js").Stretch[]}
 */
export const stretchesOf = (gaps) =>
  gaps.map(({ from_ms, to_ms, text, missing, missing_samples }) => ({
    fromMs: from_ms,
    toMs: to_ms,
    text,
    isPartial: !missing && Boolean(missing_samples),
  }));

/** How much is missing, for people. @param {Gap} gap */
export function missingText({ missing, missing_samples }) {
  const parts = [counted(missing, "batch", "batches"), counted(missing_samples, "sample", "samples")];
  return parts.filter(Boolean).join(", ") || "not known";
}

/** @param {number | null | undefined} count @param {string} one @param {string} many */
const counted = (count, one, many) => (count ? `${count} ${count === 1 ? one : many}` : "");
