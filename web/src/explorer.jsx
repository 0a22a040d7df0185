import "./workers.js";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import "graphiql/style.css";
import "./explorer.css";
import { createClient } from "graphql-ws";
import { useEffect, useMemo, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { parse, getOperationAST } from "graphql";
import { refresh, signIn } from "./session.js";

const settings = JSON.parse(document.getElementById("settings").textContent);
const socketUrl = new URL(settings.endpoint, location.href);
socketUrl.protocol = socketUrl.protocol.replace("http", "ws");

// Right after a change of tabs GraphiQL may still name the operation of the tab before.
function withoutStaleName(params) {
  try {
    const names = parse(params.query).definitions.map((definition) => definition.name?.value);
    return names.includes(params.operationName) ? params : { ...params, operationName: undefined };
  } catch {
    return params;
  }
}

function isSubscription({ query, operationName }) {
  try {
    return getOperationAST(parse(query), operationName)?.operation === "subscription";
  } catch {
    return false;
  }
}

// A client of its own for each subscription: it always carries the headers of its tab.
function subscribe(params, headers) {
  return {
    async *[Symbol.asyncIterator]() {
      const client = createClient({
        url: socketUrl.href,
        connectionParams: headers,
        lazy: false,
        retryAttempts: 0,
        onNonLazyError: () => {},
      });
      try {
        for await (const result of client.iterate(params)) yield result;
      } catch (error) {
        if (Array.isArray(error)) yield { errors: error };
        else yield { errors: [{ message: error?.reason || error?.message || "The socket closed." }] };
      } finally {
        client.dispose();
      }
    },
  };
}

function makeFetcher(token) {
  return async (asked, { headers = {} } = {}) => {
    const params = withoutStaleName(asked);
    const named = Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
    const all = named || !token.current ? headers : { ...headers, Authorization: `Bearer ${token.current}` };
    if (isSubscription(params)) return subscribe(params, all);
    const response = await fetch(settings.endpoint, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/graphql-response+json, application/json",
        ...all,
      },
      body: JSON.stringify(params),
    });
    return response.json();
  };
}

function SignInBar({ session, onSession }) {
  const [username, setUsername] = useState(settings.demo ? "demo" : "");
  const [password, setPassword] = useState(settings.demo ? "demo123" : "");
  const [problem, setProblem] = useState("");
  if (session) {
    return (
      <div className="folioql-bar">
        <span role="status">Signed in as {session.username}</span>
        <button type="button" onClick={() => onSession(null)}>Sign out</button>
      </div>
    );
  }
  async function submit(event) {
    event.preventDefault();
    try {
      onSession({ ...(await signIn(username, password)), username });
      setProblem("");
    } catch (error) {
      setProblem(error.message);
    }
  }
  return (
    <form className="folioql-bar" onSubmit={submit}>
      <label>Username <input value={username} autoComplete="username" required onChange={(e) => setUsername(e.target.value)} /></label>
      <label>Password <input type="password" value={password} autoComplete="current-password" required onChange={(e) => setPassword(e.target.value)} /></label>
      <button type="submit">Sign in</button>
      {settings.demo && <span>Demo: demo / demo123</span>}
      <span role="alert">{problem}</span>
    </form>
  );
}

function Explorer() {
  const [session, setSession] = useState(null);
  const token = useRef(null);
  const fetcher = useMemo(() => makeFetcher(token), []);
  token.current = session?.access_token ?? null;
  useEffect(() => {
    if (!session) return undefined;
    const early = Math.max(5, session.expires_in - 60) * 1000;
    const timer = setTimeout(async () => {
      try {
        setSession({ ...(await refresh(session.refresh_token)), username: session.username });
      } catch {
        setSession(null);
      }
    }, early);
    return () => clearTimeout(timer);
  }, [session]);
  return (
    <div className="folioql">
      <SignInBar session={session} onSession={setSession} />
      <div className="folioql-explorer">
        <GraphiQL
          fetcher={fetcher}
          plugins={[HISTORY_PLUGIN]}
          defaultTabs={settings.defaultTabs}
          shouldPersistHeaders={false}
          defaultEditorToolsVisibility="variables"
        />
      </div>
    </div>
  );
}

createRoot(document.getElementById("explorer")).render(<Explorer />);
