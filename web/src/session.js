// Who is signed in. Tokens live in this object alone: a reload signs out, nothing is stored.
const TOKEN_PATH = "/auth/token";
const EARLY_SECONDS = 60;
const RETRY_SECONDS = 5;

class RefusedError extends Error {}

async function ask(form) {
  let response;
  try {
    response = await fetch(TOKEN_PATH, { method: "POST", body: new URLSearchParams(form) });
  } catch {
    throw new Error("The server cannot be reached.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok && answer.access_token) return answer;
  if (response.status >= 500) throw new Error(`Signing in failed: the server answered ${response.status}.`);
  throw new RefusedError(answer.error_description ?? "Signing in was refused.");
}

class Session {
  #user = null;
  #token = null;
  #refreshToken = null;
  #issued = new Set();
  #listeners = new Set();
  #timer;

  // Told apart from what a person typed: only headers of our own making are renewed or removed.
  isOurs = (authorization) => this.#issued.has(authorization);
  user = () => this.#user;
  authorization = () => (this.#token ? `Bearer ${this.#token}` : null);

  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  async signIn(username, password) {
    this.#keep(username, await ask({ grant_type: "password", username, password }));
  }

  // Hands the refresh token back, to be revoked.
  signOut() {
    const refreshToken = this.#refreshToken;
    clearTimeout(this.#timer);
    this.#user = this.#token = this.#refreshToken = null;
    this.#tell();
    return refreshToken;
  }

  #keep(username, answer) {
    this.#user = username;
    this.#token = answer.access_token;
    this.#refreshToken = answer.refresh_token ?? this.#refreshToken;
    this.#issued.add(this.authorization());
    const lifetime = Number(answer.expires_in) || 0;
    // A short-lived token is renewed at half its life.
    this.#refreshIn(lifetime > 2 * EARLY_SECONDS ? lifetime - EARLY_SECONDS : lifetime / 2);
    this.#tell();
  }

  #refreshIn(seconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#refresh(), Math.max(seconds, 1) * 1000);
  }

  async #refresh() {
    const refreshToken = this.#refreshToken;
    try {
      const answer = await ask({ grant_type: "refresh_token", refresh_token: refreshToken });
      if (refreshToken === this.#refreshToken) this.#keep(this.#user, answer);
    } catch (error) {
      if (refreshToken !== this.#refreshToken) return; // signed out meanwhile
      if (error instanceof RefusedError) this.signOut();
      else this.#refreshIn(RETRY_SECONDS); // the server is away, the session may be well
    }
  }

  #tell() {
    for (const listener of this.#listeners) listener();
  }
}

export const session = new Session();
