import { useState, useSyncExternalStore } from "react";
import { revoke } from "./fetcher.js";
import { session } from "./session.js";
import { settings } from "./settings.js";
import { TRANSPORTS, transport } from "./transport.js";

function SignInForm() {
  const [username, setUsername] = useState(settings.demo ? "demo" : "");
  const [password, setPassword] = useState(settings.demo ? "demo123" : "");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);

  async function submit(event) {
    event.preventDefault();
    setBusy(true);
    setProblem("");
    try {
      await session.signIn(username, password);
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  }

  return (
    <form aria-label="Sign in" onSubmit={submit}>
      {settings.demo && <p className="folioql-hint">This is a demo: sign in as demo / demo123</p>}
      <p className="folioql-problem" role="alert">{problem}</p>
      <label>
        Username
        <input
          value={username}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          onChange={(event) => setUsername(event.target.value)}
        />
      </label>
      <label>
        Password
        <input
          type="password"
          value={password}
          autoComplete="current-password"
          required
          onChange={(event) => setPassword(event.target.value)}
        />
      </label>
      <button type="submit" disabled={busy}>Sign in</button>
    </form>
  );
}

function SignedIn({ user }) {
  return (
    <div className="folioql-session">
      <p role="status">Signed in as <strong>{user}</strong></p>
      <button type="button" onClick={() => revoke(session.signOut())}>Sign out</button>
    </div>
  );
}

function TransportChoice() {
  const chosen = useSyncExternalStore(transport.subscribe, transport.chosen);
  return (
    <label>
      Subscriptions over
      <select value={chosen} onChange={(event) => transport.choose(event.target.value)}>
        {Object.entries(TRANSPORTS).map(([name, title]) => (
          <option key={name} value={name}>{title}</option>
        ))}
      </select>
    </label>
  );
}

export function Bar() {
  const user = useSyncExternalStore(session.subscribe, session.user);
  return (
    <header className="folioql-bar">
      <h1>FolioQL</h1>
      <TransportChoice />
      {user ? <SignedIn user={user} /> : <SignInForm />}
    </header>
  );
}
