// The query that is being written and its variables: kept for the next visit, or with secrets in them for this tab alone.

import { hasSecrets } from "./secrets.js";
import { forget, keep, recall } from "./storage.js";

const NAMES = ["query", "variables"];

/** Keeps `{ query, variables }`; what was kept for the next visit before a secret came in is forgotten. */
export function keepDraft(draft) {
  const isSecret = hasSecrets(draft);
  for (const name of NAMES) {
    keep("sessionStorage", name, draft[name]);
    if (isSecret) forget("localStorage", name);
    else keep("localStorage", name, draft[name]);
  }
}

/** The draft of this tab, or of the last visit; a first visit begins with the example. */
export function recallDraft(example) {
  const [query, variables] = NAMES.map((name) => recall("sessionStorage", name, recall("localStorage", name, null)));
  return { query: query ?? example, variables: variables ?? "" };
}
