// Signs in with the OAuth2 password form and keeps the access token fresh; nothing is stored.
async function ask(form) {
  const response = await fetch("/auth/token", { method: "POST", body: new URLSearchParams(form) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error_description ?? "Signing in failed.");
  return answer;
}

export const signIn = (username, password) => ask({ grant_type: "password", username, password });
export const refresh = (token) => ask({ grant_type: "refresh_token", refresh_token: token });
