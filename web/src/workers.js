// Must run before GraphiQL loads: Monaco takes its workers from here, and only from here.
// The workers carry the version of the page's own script, so that all three change together.
const script = new URL(document.currentScript.src);

globalThis.MonacoEnvironment = {
  getWorker(_, label) {
    const name = label === "json" || label === "graphql" ? label : "editor";
    return new Worker(new URL(`${name}.worker.js${script.search}`, script));
  },
};
