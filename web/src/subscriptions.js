// Subscriptions over either transport, as what GraphiQL follows. Each has a client of its own, which
// always carries the headers of its tab.
import { createClient as overEvents } from "graphql-sse";
import { createClient as overSocket } from "graphql-ws";
import { isOfSession, renewed } from "./headers.js";
import { session } from "./session.js";
import { settings, socketUrl } from "./settings.js";
import { transport } from "./transport.js";

const RECONNECTIONS = 5;

export const problem = (message) => ({ errors: [{ message }] });

function explained(error) {
  if (Array.isArray(error)) return { errors: error };
  const answer = error?.response;
  if (answer) {
    const status = `${answer.status} ${answer.statusText}`.trim();
    return problem(`${settings.endpoint} answered ${status} and no events.`);
  }
  if (error?.code === 1006) return problem("The connection was lost or could not be opened.");
  if (error?.code) return problem(`The connection was closed: ${error.reason || error.code}.`);
  return problem(error?.message || "The connection failed.");
}

const retryWait = (tries) =>
  new Promise((done) => setTimeout(done, Math.min(250 * 2 ** tries, 5000)));

function socketClient(headers) {
  let connected = false;
  return overSocket({
    url: socketUrl,
    connectionParams: () => renewed(headers, session),
    retryAttempts: RECONNECTIONS,
    // The server closes a socket whose token expires; a renewed one opens the next.
    shouldRetry: () => connected,
    retryWait,
    on: { connected: () => (connected = true) },
  });
}

const eventsClient = (headers) =>
  overEvents({
    url: new URL(settings.endpoint, location.href).href,
    headers: () => renewed(headers, session),
    retryAttempts: RECONNECTIONS,
    retry: retryWait,
  });

const isUnauthenticated = ({ errors }) =>
  errors?.some((error) => error.extensions?.code === "UNAUTHENTICATED");

// A stream of events ends with its token, and says so: the renewed one opens the next.
function renewing(client, headers) {
  return {
    dispose: () => client.dispose(),
    subscribe(params, sink) {
      let stop;
      const begin = () => {
        const token = session.authorization();
        let outlived = false;
        stop = client.subscribe(params, {
          next(result) {
            const now = session.authorization();
            const renewedSince = now && now !== token && isOfSession(headers, session);
            outlived = Boolean(renewedSince && isUnauthenticated(result));
            if (!outlived) sink.next(result);
          },
          error: (error) => sink.error(error),
          complete: () => (outlived ? begin() : sink.complete()),
        });
      };
      begin();
      return () => stop();
    },
  };
}

export function subscribe(params, headers) {
  const client =
    transport.chosen() === "events"
      ? renewing(eventsClient(headers), headers)
      : socketClient(headers);
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
