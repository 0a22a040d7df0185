// graphql-codegen: the client preset, and the types of the whole schema.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { preset } from "@graphql-codegen/client-preset";
import { codegen } from "@graphql-codegen/core";
import * as typescript from "@graphql-codegen/typescript";
import { buildSchema, parse } from "graphql";

const config = {
  strictScalars: true,
  scalars: {
    CurrencyCode: "string",
    Date: "string",
    DateTime: "string",
    Decimal: "string",
    Ratio: "number",
    Symbol: "string",
    Upload: "File",
  },
};

const sdl = readFileSync("schema.graphql", "utf8");
const rawSDL = readFileSync("portfolio.graphql", "utf8");
const given = {
  config,
  schema: parse(sdl),
  schemaAst: buildSchema(sdl),
  documents: [{ location: "portfolio.graphql", rawSDL, document: parse(rawSDL) }],
  plugins: [],
  pluginMap: {},
};

const outputs = await preset.buildGeneratesSection({
  ...given,
  baseOutputDir: "codegen/",
  presetConfig: { fragmentMasking: false },
});
outputs.push({
  ...given,
  filename: "codegen/schema.ts",
  plugins: [{ typescript: {} }],
  pluginMap: { typescript },
});

for (const output of outputs) {
  mkdirSync(dirname(output.filename), { recursive: true });
  writeFileSync(output.filename, await codegen(output));
}
