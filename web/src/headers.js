// The session's Authorization inside the text of the headers editor, and inside its value.
import { tryParseJSONC } from "@graphiql/react";

const nameIn = (headers) =>
  Object.keys(headers).find((name) => name.toLowerCase() === "authorization");

// Puts the session's header in, renews it, or takes it out again; a header typed by hand stays.
export function withAuthorization(text, session) {
  let headers;
  try {
    headers = tryParseJSONC(text) ?? {};
  } catch {
    return text; // somebody is in the middle of typing
  }
  const name = nameIn(headers);
  const authorization = session.authorization();
  if (name ? !session.isOurs(headers[name]) : !authorization) return text;
  if (name && headers[name] === authorization) return text;
  const { [name]: _, ...others } = headers;
  const changed = authorization ? { Authorization: authorization, ...others } : others;
  return Object.keys(changed).length ? JSON.stringify(changed, null, 2) : "";
}

export const isOfSession = (headers, session) => {
  const name = nameIn(headers);
  return name !== undefined && session.isOurs(headers[name]);
};

// The same headers with the token of this moment: a socket may reconnect after it was renewed.
export function renewed(headers, session) {
  const authorization = session.authorization();
  if (!authorization || !isOfSession(headers, session)) return headers;
  return { ...headers, [nameIn(headers)]: authorization };
}
