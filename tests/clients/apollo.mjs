// Apollo Client: HttpLink by POST and GET, subscriptions over a socket.
import { createHash } from "node:crypto";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { CombinedGraphQLErrors } from "@apollo/client/errors";
import { Defer20220824Handler, GraphQL17Alpha9Handler } from "@apollo/client/incremental";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
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

const over = (http, incrementalHandler) =>
  new ApolloClient({
    cache: new InMemoryCache(),
    incrementalHandler,
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

// The data of an answer as it comes, part after part.
const parts = (incrementalHandler) =>
  new Promise((resolve, reject) => {
    const seen = [];
    over({}, incrementalHandler)
      .watchQuery({ query: gql(documents.DEFERRED) })
      .subscribe(({ data, dataState, error }) => {
        if (error) reject(error);
        if (data) seen.push(structuredClone(data));
        if (dataState === "complete") resolve(seen);
      });
  });

const followed = async (client) => {
  const events = client.subscribe({
    query: gql(documents.SUBSCRIPTION),
    variables: documents.followed,
  });
  return (await firstOf(2, (sink) => events.subscribe(sink))).map(({ data }) => data);
};

const overHttp = new ApolloClient({
  cache: new InMemoryCache(),
  link: new HttpLink({ uri: url, headers: authorization }),
});

// A client of its own each time: the second one asks by a hash that only the server has seen.
const byHash = () =>
  new ApolloClient({
    cache: new InMemoryCache(),
    link: new PersistedQueryLink({
      sha256: (text) => createHash("sha256").update(text).digest("hex"),
      useGETForHashedQueries: true,
    }).concat(new HttpLink({ uri: url, headers: authorization })),
  });

await report({
  query: () => query(client),
  "query by GET": () => query(over({ useGETForQueries: true })),
  "query by a new hash": () => query(byHash()),
  "query by a known hash": () => query(byHash()),
  mutation: () => mutate(named(name)),
  refusal: () => mutate(named("")),
  invalid: () => failing(client.query({ query: gql(documents.INVALID) })),
  anonymous: () => failing(over({ headers: {} }).query({ query: gql(documents.VIEWER) })),
  "parts by ids": () => parts(new GraphQL17Alpha9Handler()),
  "parts by paths": () => parts(new Defer20220824Handler()),
  "subscription over a socket": () => followed(client),
  "subscription over multipart": () => followed(overHttp),
});
