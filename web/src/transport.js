// What subscriptions come over: a WebSocket, or server-sent events where a proxy lets no socket pass.
export const TRANSPORTS = { socket: "WebSocket", events: "Server-sent events" };

class Transport {
  #chosen = "socket";
  #listeners = new Set();

  chosen = () => this.#chosen;

  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  choose = (name) => {
    this.#chosen = name;
    for (const listener of this.#listeners) listener();
  };
}

export const transport = new Transport();
