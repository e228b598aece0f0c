/**
 * Runs before the page's first script, and notes what the browser sees of it.
 * All times are milliseconds since the Unix epoch, unless they count from navigation.
 */
{
  const seen = {
    rowMs: null, // the first row of a table of hosts, from navigation
    readyMs: null, // the first chart or line drawn, from navigation
    isTimed: false, // whether the following are noted
    longTasksMs: [],
    arrivals: [], // when a batch was heard, and its slot in seconds
    paints: [], // when a draw had ended, and when it was seen
  };
  const nowMs = () => performance.timeOrigin + performance.now();
  globalThis.seenOfPage = seen;

  const watching = new MutationObserver(() => {
    if (document.querySelector("tr[data-host]")) seen.rowMs ??= performance.now();
    if (document.documentElement?.dataset.ready !== "true") return;
    seen.readyMs = performance.now();
    watching.disconnect();
  });
  watching.observe(document, { attributes: true, attributeFilter: ["data-ready"], childList: true, subtree: true });

  new PerformanceObserver((list) => {
    if (!seen.isTimed) return;
    for (const task of list.getEntries()) seen.longTasksMs.push(task.duration);
  }).observe({ type: "longtask" });

  let subscribedMs = Infinity;
  const noteBatches = (text, atMs) => {
    for (const { slot } of JSON.parse(text).batches ?? []) {
      // What was flushed before it was asked for is history.
      if ((slot + 1) * 1_000 >= subscribedMs) seen.arrivals.push([atMs, slot]);
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

    send(data) {
      subscribedMs = nowMs();
      super.send(data);
    }
  };

  const mark = performance.mark.bind(performance);
  performance.mark = (name, ...rest) => {
    if (name === "robometrics:draw" && seen.isTimed) {
      const drawnMs = nowMs();
      // It was painted after the draw; when the next frame has been, it is on the screen.
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => seen.paints.push([drawnMs, nowMs()]);
        port2.postMessage(null);
      });
    }
    return mark(name, ...rest);
  };
}
