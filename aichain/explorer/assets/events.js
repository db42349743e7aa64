// One event stream for a page; it is closed while nobody looks, for a browser has few connections.
const listeners = new Map();
let source = null;

export function on(topic, listener) {
  if (!listeners.has(topic)) listeners.set(topic, []);
  listeners.get(topic).push(listener);
}

function tell(topic, value) {
  for (const listener of listeners.get(topic) ?? []) listener(value);
}

function open() {
  if (source || document.hidden) return;
  source = new EventSource(`/events?topics=${document.body.dataset.topics}`);
  for (const topic of document.body.dataset.topics.split(",")) {
    source.addEventListener(topic, (event) => tell(topic, JSON.parse(event.data)));
  }
  source.addEventListener("open", () => tell("open"));
}

function close() {
  source?.close();
  source = null;
}

export function start() {
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  open();
}
