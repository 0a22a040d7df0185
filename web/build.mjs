// Bundles the explorer into the Python package: a script, a style sheet and three workers.
//
//   node build.mjs            writes ../gateway/web/graphiql
//   node build.mjs FOLDER     writes another folder
//   node build.mjs --check    builds and compares with what is committed
import { build } from "esbuild";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";

const HERE = dirname(fileURLToPath(import.meta.url));
const COMMITTED = join(HERE, "../gateway/web/graphiql");
const NOTICES = "NOTICES.txt";
const RULE = `\n${"-".repeat(78)}\n\n`;

const WORKERS = {
  "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
  "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
  "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
};

// Embedded in style sheets of other packages, which do not carry their licences.
const FONTS = [
  ["Roboto (Apache-2.0)\nCopyright 2011 Google Inc. All Rights Reserved.", "Apache-2.0"],
  [
    "Fira Code (OFL-1.1)\nCopyright 2014-2020 The Fira Code Project Authors " +
      "(https://github.com/tonsky/FiraCode)",
    "OFL-1.1",
  ],
];
const ICONS =
  "Codicons, the icons of the editor (CC-BY-4.0)\nCopyright Microsoft Corporation\n\n" +
  "https://creativecommons.org/licenses/by/4.0/legalcode\n";

// The fonts come in seven alphabets each. Latin stays; others fall back to the system's fonts.
const latinFonts = {
  name: "latin-fonts",
  setup({ onLoad }) {
    onLoad({ filter: /@graphiql[\\/]react[\\/]font[\\/].*\.css$/ }, ({ path }) => ({
      loader: "css",
      contents: readFileSync(path, "utf8")
        .match(/@font-face\s*{[^}]*}/g)
        .filter((face) => /unicode-range:\s*U\+0(000-00FF|100-024F)/.test(face))
        .join("\n"),
    }));
  },
};

// Variables are JSON: for them a third of a megabyte of JavaScript parser is too much, when a
// formatter of JSON is in the bundle anyway.
const plainJson = {
  name: "plain-json",
  setup({ onLoad }) {
    onLoad({ filter: /@graphiql[\\/]react[\\/]dist[\\/]utility[\\/]jsonc\.js$/ }, ({ path }) => {
      const original = /async function formatJSONC\(content\) {[\s\S]*?\n}\n/;
      const source = readFileSync(path, "utf8");
      if (!original.test(source)) throw new Error(`${path} has changed: look at plain-json again`);
      const contents =
        'import { applyEdits, format } from "jsonc-parser";\n' +
        source.replace(
          original,
          `async function formatJSONC(content) {
            const options = { insertSpaces: true, tabSize: 2, eol: "\\n" };
            return applyEdits(content, format(content, undefined, options));
          }\n`,
        );
      return { loader: "js", contents };
    });
  },
};

// Returns the names and bytes of the bundles, and the paths of all that went into them.
async function bundle() {
  const common = {
    absWorkingDir: HERE,
    bundle: true,
    charset: "utf8",
    define: { "process.env.NODE_ENV": '"production"' },
    format: "iife",
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
    minify: true,
    outdir: "out",
    target: "es2022",
    write: false,
  };
  const results = await Promise.all([
    build({ ...common, entryPoints: WORKERS }),
    build({
      ...common,
      entryPoints: { explorer: "src/explorer.jsx" },
      jsx: "automatic",
      loader: { ".ttf": "dataurl" },
      plugins: [latinFonts, plainJson],
    }),
  ]);
  const files = new Map();
  const inputs = new Set();
  for (const { outputFiles, metafile } of results) {
    for (const { path, contents } of outputFiles) files.set(path.split(/[\\/]/).at(-1), contents);
    for (const output of Object.values(metafile.outputs)) {
      for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
        if (bytesInOutput) inputs.add(path);
      }
    }
  }
  return { files, inputs };
}

// The licences of everything that went into the bundles, each text once.
function notices(inputs) {
  const folders = new Set();
  for (const path of inputs) {
    const found = path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/);
    if (found) folders.add(found[0]);
  }
  const users = new Map();
  const add = (text, user) => users.set(text, [...(users.get(text) ?? []), user]);
  for (const folder of [...folders].sort()) {
    const { name, version, license } = JSON.parse(readFileSync(join(HERE, folder, "package.json")));
    const texts = readdirSync(join(HERE, folder))
      .filter((file) => /^(licen[cs]e|copying|notice|thirdpartynotices)/i.test(file))
      .sort()
      .map((file) => readFileSync(join(HERE, folder, file), "utf8"));
    if (!license) throw new Error(`${name} names no licence: look it up before shipping it`);
    const text = texts.join("\n\n").replace(/\r\n/g, "\n").trim() || licenceOf(license, name);
    add(text, `${name} ${version} (${license})`);
  }
  for (const [font, license] of FONTS) add(licenceOf(license, font), font);
  const parts = [...users].map(([text, names]) => `${names.join("\n")}\n\n${text}\n`);
  parts.push(ICONS);
  return `What the explorer is made of, and the licences of it.\n${RULE}${parts.join(RULE)}`;
}

// A few packages ship no licence text of their own, only its name.
function licenceOf(license, name) {
  const file = join(HERE, "notices", `${license}.txt`);
  if (!existsSync(file)) throw new Error(`${name} has no licence text and ${file} is missing`);
  return readFileSync(file, "utf8").trim();
}

function gzipped(contents) {
  const packed = gzipSync(contents, { level: 9 });
  packed.fill(0, 4, 8); // no time of modification
  packed[9] = 255; // nor the operating system that built it
  return packed;
}

function write(folder, built) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  let total = 0;
  for (const [name, contents] of built) {
    const packed = gzipped(contents);
    total += packed.length;
    const compressed = name !== NOTICES; // people read this one
    writeFileSync(join(folder, compressed ? `${name}.gz` : name), compressed ? packed : contents);
    console.log(`${String(packed.length).padStart(9)} ${name}`);
  }
  console.log(`${String(total).padStart(9)} bytes compressed, in ${folder}`);
}

// Compares what is inside: compressors of different machines may differ in the packing.
function differences(folder, built) {
  const committed = new Map(
    readdirSync(folder).map((file) => {
      const bytes = readFileSync(join(folder, file));
      return file.endsWith(".gz") ? [file.slice(0, -3), gunzipSync(bytes)] : [file, bytes];
    }),
  );
  const names = new Set([...committed.keys(), ...built.keys()]);
  return [...names].filter(
    (name) => !committed.get(name)?.equals(Buffer.from(built.get(name) ?? "")),
  );
}

const { files, inputs } = await bundle();
files.set(NOTICES, Buffer.from(notices(inputs)));
const built = new Map([...files].sort());

if (process.argv[2] === "--check") {
  const changed = differences(COMMITTED, built);
  for (const name of changed) console.error(`${name} is not what the sources build`);
  if (changed.length) process.exit(1);
  console.log(`${built.size} files are what the sources build`);
} else {
  write(process.argv[2] ?? COMMITTED, built);
}
