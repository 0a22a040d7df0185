// The audits of the GraphQL over HTTP specification's own suite: what each came to.
import { readFileSync } from "node:fs";
import { auditServer } from "graphql-http";

const { address } = JSON.parse(readFileSync(0, "utf8"));
const results = await auditServer({ url: `${address}/graphql`, fetchFn: fetch });
console.log(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
