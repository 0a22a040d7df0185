// graphql-request: by POST and GET.
import { ClientError, GraphQLClient } from "graphql-request";
import { authorization, codes, documents, name, named, report, url } from "./harness.mjs";

const client = new GraphQLClient(url, { headers: authorization });
const getting = new GraphQLClient(url, {
  headers: authorization,
  method: "GET",
  jsonSerializer: JSON,
});

async function failing(operation) {
  try {
    await operation;
  } catch (error) {
    if (error instanceof ClientError) return codes(error.response.errors);
    throw error;
  }
}

await report({
  query: () => client.request(documents.QUERY, documents.symbols),
  "query by GET": () => getting.request(documents.QUERY, documents.symbols),
  mutation: () => client.request(documents.MUTATION, named(name)),
  refusal: () => client.request(documents.MUTATION, named("")),
  invalid: () => failing(client.request(documents.INVALID)),
  anonymous: () => failing(new GraphQLClient(url).request(documents.VIEWER)),
});
