// Runs the cases of one client against the server named on standard input, and prints what each
// gave: { case: { value } } or { case: { thrown } }, one JSON object.
import { readFileSync } from "node:fs";

export const { address, token, name, documents } = JSON.parse(readFileSync(0, "utf8"));
export const url = `${address}/graphql`;
export const socketUrl = url.replace("http", "ws");
export const authorization = { authorization: `Bearer ${token}` };

export const named = (name) => ({ input: { name, baseCurrency: "USD" } });

const PATIENCE = 20_000;

// The first so many events of a stream; then it is left.
export async function first(count, events) {
  const seen = [];
  for await (const event of events) if (seen.push(event) === count) break;
  return seen;
}

// The same of anything that calls back.
export const firstOf = (count, subscribe) =>
  new Promise((resolve, reject) => {
    const seen = [];
    subscribe({
      next: (event) => seen.push(event) === count && resolve(seen),
      error: reject,
      complete: () => reject(new Error(`completed after ${seen.length}`)),
    });
  });

// What a program can tell of an error, whichever way its client wraps it.
export const codes = (errors) => errors.map((error) => error.extensions?.code);

export async function report(cases) {
  const results = {};
  for (const [key, run] of Object.entries(cases)) {
    const late = new Promise((_, reject) =>
      setTimeout(() => reject(new Error("no answer in time")), PATIENCE).unref(),
    );
    try {
      results[key] = { value: await Promise.race([run(), late]) };
    } catch (error) {
      results[key] = { thrown: String(error?.message ?? JSON.stringify(error)) };
    }
  }
  process.stdout.write(JSON.stringify(results), () => process.exit(0));
}
