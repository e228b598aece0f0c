/**
 * The live websocket: reconnects by itself, and subscribes anew each time.
 *
 * It knows nothing of samples; `subscription()` says where to resume.
 */

const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 5_000;

/** An open connection this silent is doubted when the page wakes up. */
const SILENCE_MAX_MS = 10_000;

/**
 * @param {number} attempt 0 for the first
 * @param {number} random from 0 to 1: viewers of one server must not return in step
 */
export function backoffMs(attempt, random) {
  return Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** attempt) * (0.5 + random / 2);
}

/**
 * @typedef {object} SocketHandlers
 * @property {() => object[]} subscription entries to subscribe to
 * @property {(message: any) => void} onMessage
 * @property {(isLive: boolean, reason: string) => void} onState
 */

export class LiveSocket {
  /** @type {WebSocket | null} */
  #socket = null;
  #attempt = 0;
  #id = 0;
  #retryTimer = 0;
  #heardMs = 0;

  /**
   * @param {string} url
   * @param {SocketHandlers} handlers
   */
  constructor(url, handlers) {
    this.url = url;
    this.handlers = handlers;
  }

  connect() {
    clearTimeout(this.#retryTimer);
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.onopen = () => this.resubscribe();
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(event.reason);
  }

  /** Replace the server's set of series by the current one. */
  resubscribe() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#id += 1;
    const series = this.handlers.subscription();
    this.#socket.send(JSON.stringify({ op: "subscribe", id: this.#id, series }));
  }

  /** The network or the page is back: do not sit out the backoff. */
  wake() {
    const isOpen = this.#socket?.readyState === WebSocket.OPEN;
    const isSilent = Date.now() - this.#heardMs > SILENCE_MAX_MS;
    if (isOpen && !isSilent) return;
    if (this.#socket?.readyState === WebSocket.CONNECTING) return;
    if (this.#socket) {
      this.#socket.onclose = null;
      this.#socket.onmessage = null;
      this.#socket.close();
    }
    if (isOpen) this.handlers.onState(false, "");
    this.#attempt = 0;
    this.connect();
  }

  /** @param {any} message */
  #receive(message) {
    this.#heardMs = Date.now();
    if (message.op === "subscribed") {
      if (message.id !== this.#id) return;
      this.#attempt = 0;
      this.handlers.onState(true, "");
    } else {
      this.handlers.onMessage(message);
    }
  }

  /** @param {string} reason */
  #lost(reason) {
    this.handlers.onState(false, reason);
    const delayMs = backoffMs(this.#attempt, Math.random());
    this.#attempt += 1;
    this.#retryTimer = setTimeout(() => this.connect(), delayMs);
  }
}
