// The live stream and the orders. Whoever hears nothing for SILENT_AFTER_MS says so itself.

const SILENT_AFTER_MS = 5_000;
const RECONNECT_MS = 2_000;
const ANSWER_WITHIN_MS = 10_000;

let source = null;
let heardAt = performance.now();
let triedAt = -RECONNECT_MS;

/** onView(view): a new picture. onPulse(silentMs): several times a second, and with it how long nothing was heard. */
export function listen({ onView, onPulse }) {
  const heard = () => {
    heardAt = performance.now();
  };
  const connect = () => {
    triedAt = performance.now();
    source?.close();
    source = new EventSource("/guard/events");
    source.addEventListener("beat", heard);
    source.addEventListener("state", (event) => {
      heard();
      onView(JSON.parse(event.data));
    });
  };
  connect();
  setInterval(() => {
    const now = performance.now();
    const silentMs = now - heardAt;
    const isDead = source.readyState === EventSource.CLOSED || silentMs > SILENT_AFTER_MS;
    if (isDead && now - triedAt > RECONNECT_MS) connect();
    onPulse(silentMs > SILENT_AFTER_MS ? silentMs : 0);
  }, 250);
  reconnect = connect;
}

/** Ask for a stream with the cookie of this moment. */
export let reconnect = () => {};

/** Give an order. Never throws: answers {is_done, why, …}; why is no_answer when nobody knows what became of it. */
export async function give(order) {
  const cut = new AbortController();
  const timer = setTimeout(() => cut.abort(), ANSWER_WITHIN_MS);
  try {
    const response = await fetch("/guard/orders", {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-Gatehouse": "guard" },
      body: JSON.stringify({ press: pressId(), order }),
      signal: cut.signal,
    });
    if (!(response.headers.get("content-type") ?? "").startsWith("application/json")) {
      return { is_done: false, why: response.status === 403 ? "forbidden" : "invalid" };
    }
    return await response.json();
  } catch {
    return { is_done: false, why: "no_answer" };
  } finally {
    clearTimeout(timer);
  }
}

// A browser may send a request again by itself when a connection breaks; the number lets the kiosk carry it out once.
function pressId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
