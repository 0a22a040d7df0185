// graphql-sse: subscriptions as server-sent events, a connection for each operation.
import { createClient } from "graphql-sse";
import { authorization, documents, first, report, url } from "./harness.mjs";

const client = createClient({ url, headers: authorization, retryAttempts: 0 });

await report({
  "subscription over server-sent events": async () => {
    const asked = { query: documents.SUBSCRIPTION, variables: documents.followed };
    return (await first(2, client.iterate(asked))).map(({ data }) => data);
  },
});
