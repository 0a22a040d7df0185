// graphql-sse: everything as server-sent events, a connection for each operation or one for all.
import { createClient } from "graphql-sse";
import { authorization, codes, documents, first, name, named, report, url } from "./harness.mjs";

// Each client has headers of its own: with one stream for all, it puts the stream's token there.
const asking = (more) =>
  createClient({ url, headers: { ...authorization }, retryAttempts: 0, ...more });

const client = asking({});
const single = asking({ singleConnection: true });
const data = ({ data, errors }) => (errors ? Promise.reject(new Error(JSON.stringify(errors))) : data);

async function once(asked, query, variables) {
  const [answer] = await first(1, asked.iterate({ query, variables }));
  return data(answer);
}

async function failing(asked, query) {
  const [{ errors }] = await first(1, asked.iterate({ query }));
  return codes(errors);
}

async function followed(asked) {
  const prices = { query: documents.SUBSCRIPTION, variables: documents.followed };
  return Promise.all((await first(2, asked.iterate(prices))).map(data));
}

await report({
  query: () => once(client, documents.QUERY, documents.symbols),
  "query over one stream": () => once(single, documents.QUERY, documents.symbols),
  mutation: () => once(client, documents.MUTATION, named(name)),
  refusal: () => once(client, documents.MUTATION, named("")),
  invalid: () => failing(client, documents.INVALID),
  anonymous: () => failing(asking({ headers: {} }), documents.VIEWER),
  "subscription over server-sent events": () => followed(client),
  "subscription over one stream": () => followed(single),
});
