// How GraphiQL asks: fetch for queries and mutations, a stream for subscriptions.
import { getOperationAST, parse } from "graphql";
import { renewed } from "./headers.js";
import { session } from "./session.js";
import { settings } from "./settings.js";
import { problem, subscribe } from "./subscriptions.js";

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
