// How GraphiQL asks: fetch for queries and mutations, a WebSocket for subscriptions.
import { getOperationAST, parse } from "graphql";
import { createClient } from "graphql-ws";
import { isOfSession, renewed } from "./headers.js";
import { session } from "./session.js";
import { settings, socketUrl } from "./settings.js";

const RECONNECTIONS = 5;

const problem = (message) => ({ errors: [{ message }] });

function operationIn({ query, operationName }) {
  try {
    const document = parse(query);
    const names = document.definitions.map((definition) => definition.name?.value);
    // Right after a change of tabs GraphiQL may still name the operation of the tab before.
    const name = names.includes(operationName) ? operationName : undefined;
    return { name, isSubscription: getOperationAST(document, name)?.operation === "subscription" };
  } catch {
    return { name: operationName, isSubscription: false }; // the server explains the mistake
  }
}

async function ask(params, headers) {
  let response;
  try {
    response = await fetch(settings.endpoint, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/graphql-response+json, application/json",
        ...headers,
      },
      body: JSON.stringify(params),
    });
  } catch (error) {
    return problem(`${settings.endpoint} cannot be reached: ${error.message}.`);
  }
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    const status = `${response.status} ${response.statusText}`.trim();
    return problem(`${settings.endpoint} answered ${status} and no JSON: ${text.slice(0, 500)}`);
  }
}

function explained(error) {
  if (Array.isArray(error)) return { errors: error };
  if (error?.code === 1006) return problem("The connection was lost or could not be opened.");
  if (error?.code) return problem(`The connection was closed: ${error.reason || error.code}.`);
  return problem(error?.message || "The connection failed.");
}

// A client of its own for each subscription: it always carries the headers of its tab.
function subscribe(params, headers) {
  let connected = false;
  const client = createClient({
    url: socketUrl,
    connectionParams: () => renewed(headers, session),
    retryAttempts: RECONNECTIONS,
    // The server closes a socket whose token expires; a renewed one opens the next.
    shouldRetry: () => connected,
    retryWait: (tries) => new Promise((done) => setTimeout(done, Math.min(250 * 2 ** tries, 5000))),
    on: { connected: () => (connected = true) },
  });
  return {
    subscribe(sink) {
      const stop = client.subscribe(params, {
        next: (result) => sink.next(result),
        error(error) {
          sink.next(explained(error));
          sink.complete();
        },
        complete: () => sink.complete(),
      });
      const forget = session.subscribe(() => {
        if (isOfSession(headers, session) && !session.authorization()) client.dispose();
      });
      return {
        unsubscribe() {
          forget();
          stop();
          client.dispose();
        },
      };
    },
  };
}

export async function fetcher(asked, { headers = {} } = {}) {
  const { name, isSubscription } = operationIn(asked);
  const params = { ...asked, operationName: name };
  return isSubscription ? subscribe(params, headers) : ask(params, renewed(headers, session));
}

export const revoke = (refreshToken) =>
  ask({
    query: "mutation SignOut($input: RefreshTokenInput!) { signOut(input: $input) { userErrors { message } } }",
    variables: { input: { refreshToken } },
  });
