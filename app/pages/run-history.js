// The last queries that were run in this browser: query and variables, never headers, tokens or passwords.

import { element } from "./dom.js";
import { hasSecrets } from "./secrets.js";
import { keep, recall } from "./storage.js";

const LIMIT = 20;
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** The list inside `host`; `onPick` receives the `{ query, variables }` of the clicked entry. */
export class RunHistory {
  constructor(host, { onPick }) {
    this.host = host;
    this.onPick = onPick;
    this.#set(recall("localStorage", "history", []));
  }

  /** Puts a run at the top; the same query with the same variables is listed once, one with secrets not at all. */
  add({ query, variables, name }) {
    const others = this.entries.filter((entry) => entry.query !== query || entry.variables !== variables);
    this.#set([{ query, variables, name, at: Date.now() }, ...others].slice(0, LIMIT));
  }

  #set(entries) {
    this.entries = entries.filter((entry) => !hasSecrets(entry));
    keep("localStorage", "history", this.entries);
    this.#show();
  }

  #show() {
    if (!this.entries.length) {
      this.host.replaceChildren(element("p", { class: "empty" }, "The last 20 queries you run are listed here, but none with passwords or tokens."));
      return;
    }
    const clear = element("button", { type: "button", class: "quiet", click: () => this.#set([]) }, "Clear history");
    this.host.replaceChildren(
      element("ul", { class: "rows" }, this.entries.map((entry) => this.#row(entry))),
      element("p", { class: "side-foot" }, clear),
    );
  }

  #row(entry) {
    const preview = entry.query.replace(/\s+/gu, " ").trim().slice(0, 160);
    return element(
      "li",
      {},
      element(
        "button",
        { type: "button", class: "row", click: () => this.onPick(entry) },
        element("span", { class: "row-title" }, entry.name ?? "Unnamed operation"),
        element("time", { class: "row-note", datetime: new Date(entry.at).toISOString() }, WHEN.format(entry.at)),
        element("code", { class: "row-preview" }, preview),
      ),
    );
  }
}
