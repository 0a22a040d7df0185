// graphql-sse: server-sent events, a connection for each operation or one for all.
import { createClient } from "graphql-sse";
import { authorization, codes, documents, first, report, url } from "./harness.mjs";

const asking = (more) =>
  createClient({ url, headers: { ...authorization }, retryAttempts: 0, ...more });

const distinct = asking({});
const single = asking({ singleConnection: true });

const followed = async (client) => {
  const asked = { query: documents.SUBSCRIPTION, variables: documents.followed };
  return (await first(2, client.iterate(asked))).map(({ data }) => data);
};

const once = async (client, query, variables) => {
  const [{ data }] = await first(1, client.iterate({ query, variables }));
  return data;
};

const failing = async (client, query) => {
  const [{ errors }] = await first(1, client.iterate({ query }));
  return codes(errors);
};

await report({
  query: () => once(distinct, documents.QUERY, documents.symbols),
  "query over one stream": () => once(single, documents.QUERY, documents.symbols),
  invalid: () => failing(distinct, documents.INVALID),
  anonymous: () => failing(asking({ headers: {} }), documents.VIEWER),
  "subscription over server-sent events": () => followed(distinct),
  "subscription over one stream": () => followed(single),
});
