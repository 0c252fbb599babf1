// What the browser keeps between visits. A browser that refuses storage loses comfort, never the page.

const PREFIX = "appointment360.explorer.";

/** What was kept under this name, or the fallback. */
export function recall(area, name, fallback) {
  try {
    const kept = globalThis[area].getItem(PREFIX + name);
    return kept === null ? fallback : JSON.parse(kept);
  } catch {
    return fallback;
  }
}

/** Keeps a JSON value under this name in `localStorage` or `sessionStorage`. */
export function keep(area, name, value) {
  try {
    globalThis[area].setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Full or forbidden storage: the value lives as long as the page.
  }
}

/** Keeps nothing under this name any more. */
export function forget(area, name) {
  try {
    globalThis[area].removeItem(PREFIX + name);
  } catch {
    // Forbidden storage: there is nothing to forget.
  }
}
