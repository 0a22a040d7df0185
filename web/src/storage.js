// GraphiQL remembers tabs and history in the browser, headers and all, and these hold tokens.
// This storage leaves the headers out of whatever is written.
const PREFIX = "graphiql:";
const WITH_HEADERS = new Set(["tabState", "queries", "favorites"].map((name) => PREFIX + name));

const ownKeys = () => Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));

export const storage = {
  getItem: (key) => localStorage.getItem(key),
  setItem(key, value) {
    const kept = WITH_HEADERS.has(key)
      ? JSON.stringify(JSON.parse(value), (name, inner) => (name === "headers" ? null : inner))
      : value;
    localStorage.setItem(key, kept);
  },
  removeItem: (key) => localStorage.removeItem(key),
  clear: () => ownKeys().forEach((key) => localStorage.removeItem(key)),
  get length() {
    return ownKeys().length;
  },
};
