// graphql-ws: everything over one socket.
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { authorization, codes, documents, first, name, named, report, socketUrl } from "./harness.mjs";

const asking = (connectionParams) =>
  createClient({ url: socketUrl, connectionParams, webSocketImpl: WebSocket, retryAttempts: 0 });

const client = asking(authorization);
const data = ({ data, errors }) => (errors ? Promise.reject(new Error(JSON.stringify(errors))) : data);

async function once(query, variables) {
  const [answer] = await first(1, client.iterate({ query, variables }));
  return data(answer);
}

// Errors before execution end the operation, those of resolvers are in its result.
async function failing(asked, query) {
  try {
    const [{ errors }] = await first(1, asked.iterate({ query }));
    return codes(errors);
  } catch (errors) {
    if (Array.isArray(errors)) return codes(errors);
    throw errors;
  }
}

await report({
  query: () => once(documents.QUERY, documents.symbols),
  mutation: () => once(documents.MUTATION, named(name)),
  refusal: () => once(documents.MUTATION, named("")),
  invalid: () => failing(client, documents.INVALID),
  anonymous: () => failing(asking({}), documents.VIEWER),
  // Its own clients put the parts together: here they are seen as they come.
  "parts over a socket": async () => {
    const [begun, ended] = await first(2, client.iterate({ query: documents.DEFERRED }));
    const [{ path, data }] = ended.incremental;
    return [begun.data, { [path[0]]: { ...begun.data[path[0]], ...data } }];
  },
  "subscription over a socket": async () => {
    const asked = { query: documents.SUBSCRIPTION, variables: documents.followed };
    return Promise.all((await first(2, client.iterate(asked))).map(data));
  },
});
