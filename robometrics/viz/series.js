/** Which process, GPU or host something is about. Pure. */

/**
 * @typedef {object} SeriesId
 * @property {string} host
 * @property {string | null} process
 * @property {number | null} gpu both null: the host itself
 */

/** @param {string} host @returns {SeriesId} */
export const hostId = (host) => ({ host, process: null, gpu: null });

/** @param {string} host @param {string} process @returns {SeriesId} */
export const processId = (host, process) => ({ host, process, gpu: null });

/** @param {string} host @param {number} gpu @returns {SeriesId} */
export const gpuId = (host, gpu) => ({ host, process: null, gpu });

/** @param {SeriesId} id */
export const seriesKey = (id) => JSON.stringify([id.host, id.process, id.gpu]);

/**
 * Whose a batch, an answer or a message of the server is.
 * @param {{host: string, process?: string | null, gpu?: number | null, index?: number}} said
 * @returns {SeriesId}
 */
export const idOf = ({ host, process, gpu, index }) => ({
  host,
  process: process ?? null,
  gpu: gpu ?? index ?? null,
});

/** @param {SeriesId} id */
export const seriesName = (id) => id.process ?? (id.gpu === null ? id.host : `GPU ${id.gpu}`);
