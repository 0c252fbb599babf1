// The tokens of this tab: from the address, the field, a sign-in or an earlier load; they never outlive the tab.

import { keep, recall } from "./storage.js";

/** The token to start with. One in the address (`#token=…`) wins and is taken out of it, so that it is not shared. */
export function firstToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return keptToken();
  history.replaceState(history.state, "", location.pathname + location.search);
  keepToken(token);
  return token;
}

/** Keeps the token until the tab is closed; `refresh` is what the next one is got with: `{ token, dueAt, name, turn }`. */
export function keepToken(token, refresh = null) {
  keep("sessionStorage", "token", token);
  keep("sessionStorage", "refresh", refresh);
}

/** The token that was kept last. */
export function keptToken() {
  return recall("sessionStorage", "token", "");
}

/** What the next token is got with; null when nobody has signed in here. */
export function keptRefresh() {
  return recall("sessionStorage", "refresh", null);
}

/** The request headers: what was written, and the token unless an Authorization was written. */
export function requestHeaders(written, token) {
  const named = Object.keys(written).some((name) => name.toLowerCase() === "authorization");
  const bare = token.trim().replace(/^bearer\s+/iu, "");
  return bare && !named ? { authorization: `Bearer ${bare}`, ...written } : written;
}
