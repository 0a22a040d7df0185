// urql: by POST and GET, subscriptions over a socket and, by its own fetch, server-sent events.
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { authorization, codes, documents, firstOf, name, named, report, socketUrl, url } from "./harness.mjs";

const socket = createClient({
  url: socketUrl,
  connectionParams: authorization,
  webSocketImpl: WebSocket,
});

const overSocket = subscriptionExchange({
  forwardSubscription: (request) => ({
    subscribe: (sink) => ({
      unsubscribe: socket.subscribe({ ...request, query: request.query ?? "" }, sink),
    }),
  }),
});

const asking = (options) =>
  new Client({
    url,
    preferGetMethod: false,
    fetchOptions: { headers: authorization },
    exchanges: [overSocket, fetchExchange],
    ...options,
  });

const client = asking({});
const streaming = asking({ exchanges: [fetchExchange], fetchSubscriptions: true });

function known({ data, error }) {
  if (error) throw error;
  return JSON.parse(JSON.stringify(data, (key, value) => (key === "__typename" ? undefined : value)));
}

const query = async (asked) =>
  known(await asked.query(documents.QUERY, documents.symbols).toPromise());
const mutate = async (variables) => known(await client.mutation(documents.MUTATION, variables));
const failing = async (operation) => codes((await operation).error.graphQLErrors);

const follow = async (asked) => {
  const events = asked.subscription(documents.SUBSCRIPTION, documents.followed);
  const next = (sink) =>
    events.subscribe((result) => (result.error ? sink.error(result.error) : sink.next(result)));
  return (await firstOf(2, next)).map(known);
};

// The data of an answer as it comes, part after part.
const parts = (asked, query, variables) =>
  new Promise((resolve, reject) => {
    const seen = [];
    asked.query(query, variables).subscribe((result) => {
      if (result.error) reject(result.error);
      seen.push(known(result));
      if (!result.hasNext) resolve(seen);
    });
  });

await report({
  query: () => query(client),
  "query by GET": () => query(asking({ preferGetMethod: "force" })),
  mutation: () => mutate(named(name)),
  refusal: () => mutate(named("")),
  invalid: () => failing(client.query(documents.INVALID, {})),
  anonymous: () => failing(asking({ fetchOptions: {} }).query(documents.VIEWER, {})),
  parts: () => parts(client, documents.DEFERRED, {}),
  "list in parts": () => parts(client, documents.STREAMED, documents.symbols),
  "subscription over a socket": () => follow(client),
  "subscription over server-sent events": () => follow(streaming),
});
