// What all scripts do: they are told of a server in one JSON object, make their checks one after
// another, and print a line of JSON for each: its name, and why it failed.
import { setTimeout as later } from "node:timers/promises";

const PATIENCE_MS = 15_000;

/** Where the server is, and the tokens of its users: `{http, socket, tokens: {editor, …}, …}`. */
export const server = JSON.parse(process.argv[2]);

/** Make checks by their names; the process ends after the last one, whatever clients hold open. */
export async function run(checks) {
  for (const [check, make] of Object.entries(checks)) {
    const failed = await failure(make);
    console.log(JSON.stringify({ check, failed }));
  }
  process.exit(0);
}

async function failure(make) {
  const ended = new AbortController();
  const late = later(PATIENCE_MS, null, { signal: ended.signal, ref: true }).then(
    () => Promise.reject(new Error(`not done within ${PATIENCE_MS} ms`)),
    () => null,
  );
  try {
    await Promise.race([make(), late]);
    return null;
  } catch (error) {
    return String(error?.stack ?? error);
  } finally {
    ended.abort();
  }
}

/** A header for a role. */
export function authorization(role = "editor") {
  return { Authorization: `Bearer ${server.tokens[role]}` };
}

/** Requests as `fetch` sends them, each noted: its method, headers and body. */
export function noted() {
  const requests = [];
  async function fetchNoted(url, init = {}) {
    requests.push({ url: String(url), method: init.method ?? "GET", body: init.body, headers: new Headers(init.headers) });
    return fetch(url, init);
  }
  return { requests, fetch: fetchNoted };
}

/** What comes, one at a time: `put` takes it, `next` waits for it. */
export function queue() {
  const waiting = [];
  const come = [];
  return {
    put: (each) => (waiting.length ? waiting.shift()(each) : come.push(each)),
    next: () => (come.length ? Promise.resolve(come.shift()) : new Promise((resolve) => waiting.push(resolve))),
  };
}

/** The rows of pages that were walked: all of them, none twice. */
export function distinct(ids) {
  if (new Set(ids).size !== ids.length) throw new Error("a row came twice");
  return ids.length;
}
