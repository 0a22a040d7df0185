// Apollo Client: HttpLink by POST and GET, subscriptions over a socket.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { CombinedGraphQLErrors } from "@apollo/client/errors";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { authorization, codes, documents, firstOf, name, named, report, socketUrl, url } from "./harness.mjs";

const socket = createClient({
  url: socketUrl,
  connectionParams: authorization,
  webSocketImpl: WebSocket,
});

const over = (http) =>
  new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      new HttpLink({ uri: url, headers: authorization, ...http }),
    ),
  });

const client = over({});

async function failing(operation) {
  try {
    await operation;
  } catch (error) {
    if (CombinedGraphQLErrors.is(error)) return codes(error.errors);
    throw error;
  }
}

const query = async (asked) =>
  (await asked.query({ query: gql(documents.QUERY), variables: documents.symbols })).data;

const mutate = async (variables) =>
  (await client.mutate({ mutation: gql(documents.MUTATION), variables })).data;

await report({
  query: () => query(client),
  "query by GET": () => query(over({ useGETForQueries: true })),
  mutation: () => mutate(named(name)),
  refusal: () => mutate(named("")),
  invalid: () => failing(client.query({ query: gql(documents.INVALID) })),
  anonymous: () => failing(over({ headers: {} }).query({ query: gql(documents.VIEWER) })),
  "subscription over a socket": async () => {
    const events = client.subscribe({
      query: gql(documents.SUBSCRIPTION),
      variables: documents.followed,
    });
    return (await firstOf(2, (sink) => events.subscribe(sink))).map(({ data }) => data);
  },
});
