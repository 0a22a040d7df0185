// Bundles the explorer into the Python package: one page, one style sheet, three workers.
// The output is committed compressed, so that a checkout needs Python only.
import { build } from "esbuild";
import { gzipSync } from "node:zlib";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";

const out = process.argv[2] ?? "../gateway/web/graphiql";
const work = "dist";
rmSync(work, { recursive: true, force: true });

const common = { bundle: true, minify: true, legalComments: "none", outdir: work, logLevel: "warning" };
const workers = {
  "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
  "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
  "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
};
await build({ ...common, entryPoints: workers, format: "iife" });
const result = await build({
  ...common,
  entryPoints: { explorer: "src/explorer.jsx" },
  format: "iife",
  jsx: "automatic",
  loader: { ".ttf": "dataurl", ".woff2": "dataurl" },
  define: { "process.env.NODE_ENV": '"production"' },
  metafile: true,
});

// The licences of everything that ended up in the bundle.
const packages = new Set();
for (const input of Object.keys(result.metafile.inputs)) {
  const match = input.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//);
  if (match) packages.add(match[1]);
}
const notices = [...packages].sort().map((name) => {
  const folder = join("node_modules", name);
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(join(folder, file), "utf8").trim() : "";
  return `${name} ${about.version} (${about.license})\n\n${text}\n`;
});
writeFileSync(join(work, "NOTICES.txt"), notices.join(`\n${"-".repeat(78)}\n\n`));

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
let total = 0;
for (const name of readdirSync(work).sort()) {
  const packed = gzipSync(readFileSync(join(work, name)), { level: 9 });
  packed[9] = 255; // the operating system's number would differ from machine to machine
  total += packed.length;
  writeFileSync(join(out, `${name}.gz`), packed);
}
console.log(`${(total / 1e6).toFixed(2)} MB compressed in ${out}`);
