// The access token of this tab: from the address, the field or an earlier load; it never outlives the tab.

import { keep, recall } from "./storage.js";

/** The token to start with. One in the address (`#token=…`) wins and is taken out of it, so that it is not shared. */
export function firstToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return recall("sessionStorage", "token", "");
  history.replaceState(history.state, "", location.pathname + location.search);
  keepToken(token);
  return token;
}

/** Keeps the token until the tab is closed. */
export function keepToken(token) {
  keep("sessionStorage", "token", token);
}

/** The request headers: what was written, and the token unless an Authorization was written. */
export function requestHeaders(written, token) {
  const named = Object.keys(written).some((name) => name.toLowerCase() === "authorization");
  const bare = token.trim().replace(/^bearer\s+/iu, "");
  return bare && !named ? { authorization: `Bearer ${bare}`, ...written } : written;
}
