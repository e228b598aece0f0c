/**
 * Runs before the page's first script, and notes what the browser sees of it.
 * All times are milliseconds; ages count from the end of a sample's slot.
 */
{
  const seen = { readyMs: null, longTasksMs: [], arrivedAgesMs: [], drawn: [] };
  const nowMs = () => performance.timeOrigin + performance.now();
  globalThis.seenOfPage = seen;

  new MutationObserver(() => {
    if (document.documentElement?.dataset.ready === "true") seen.readyMs ??= performance.now();
  }).observe(document, { attributes: true, attributeFilter: ["data-ready"], subtree: true });

  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) seen.longTasksMs.push(task.duration);
  }).observe({ type: "longtask", buffered: true });

  const noteBatches = (text, atMs) => {
    for (const { slot } of JSON.parse(text).batches ?? []) {
      seen.arrivedAgesMs.push(atMs - (slot + 1) * 1000);
    }
  };
  globalThis.WebSocket = class extends WebSocket {
    constructor(...address) {
      super(...address);
      // Heard before the page hears it, and read when it is idle.
      this.addEventListener("message", ({ data }) => {
        if (!seen.isTimed) return;
        const atMs = nowMs();
        setTimeout(() => noteBatches(data, atMs));
      });
    }
  };

  const mark = performance.mark.bind(performance);
  performance.mark = (name, options) => {
    const sampleMs = options?.detail?.timeMs;
    if (name === "robometrics:draw" && seen.isTimed && Number.isFinite(sampleMs)) {
      // A message sent in a frame is read after that frame was painted.
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => seen.drawn.push([nowMs(), sampleMs]);
        port2.postMessage(null);
      });
    }
    return mark(name, options);
  };
}
