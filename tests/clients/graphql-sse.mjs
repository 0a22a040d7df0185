// graphql-sse: everything as server-sent events, a connection for each operation.
import { createClient } from "graphql-sse";
import { authorization, codes, documents, first, name, named, report, url } from "./harness.mjs";

const asking = (headers) => createClient({ url, headers, retryAttempts: 0 });

const client = asking(authorization);
const data = ({ data, errors }) => (errors ? Promise.reject(new Error(JSON.stringify(errors))) : data);

async function once(query, variables) {
  const [answer] = await first(1, client.iterate({ query, variables }));
  return data(answer);
}

async function failing(asked, query) {
  const [{ errors }] = await first(1, asked.iterate({ query }));
  return codes(errors);
}

await report({
  query: () => once(documents.QUERY, documents.symbols),
  mutation: () => once(documents.MUTATION, named(name)),
  refusal: () => once(documents.MUTATION, named("")),
  invalid: () => failing(client, documents.INVALID),
  anonymous: () => failing(asking({}), documents.VIEWER),
  "subscription over server-sent events": async () => {
    const asked = { query: documents.SUBSCRIPTION, variables: documents.followed };
    return Promise.all((await first(2, client.iterate(asked))).map(data));
  },
});
