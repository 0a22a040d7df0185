// Relay's runtime: its network layer by fetch, its store, and subscriptions over a socket.
import { createClient } from "graphql-ws";
import runtime from "relay-runtime";
import WebSocket from "ws";
import { authorization, codes, documents, firstOf, name, named, report, socketUrl, url } from "./harness.mjs";

const { Network, Observable } = runtime;

const socket = createClient({
  url: socketUrl,
  connectionParams: authorization,
  webSocketImpl: WebSocket,
});

const by = (headers) =>
  Network.create(
    async ({ text }, variables) => {
      const answer = await fetch(url, {
        method: "POST",
        headers: {
          accept: "application/graphql-response+json, application/json",
          "content-type": "application/json",
          ...headers,
        },
        body: JSON.stringify({ query: text, variables }),
      });
      return answer.json();
    },
    ({ text }, variables) =>
      Observable.create((sink) => socket.subscribe({ query: text, variables }, sink)),
  );

const network = by(authorization);

const asked = (kind, text, variables, over = network) =>
  over.execute({ name: kind, operationKind: kind, text, metadata: {} }, variables ?? {}, {});
const once = async (...given) => (await asked(...given).toPromise()).data;
const failing = async (...given) => codes((await asked(...given).toPromise()).errors);

await report({
  query: () => once("query", documents.QUERY, documents.symbols),
  mutation: () => once("mutation", documents.MUTATION, named(name)),
  refusal: () => once("mutation", documents.MUTATION, named("")),
  invalid: () => failing("query", documents.INVALID),
  anonymous: () => failing("query", documents.VIEWER, {}, by({})),
  "subscription over a socket": async () => {
    const events = asked("subscription", documents.SUBSCRIPTION, documents.followed);
    return (await firstOf(2, (sink) => events.subscribe(sink))).map(({ data }) => data);
  },
});
