// Must run before GraphiQL loads: it would ask another host for its workers otherwise.
const base = new URL(".", document.currentScript.src);
globalThis.MonacoEnvironment = {
  getWorker(_, label) {
    const name = label === "json" || label === "graphql" ? label : "editor";
    return new Worker(new URL(`${name}.worker.js`, base));
  },
};
