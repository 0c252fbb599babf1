// The table of slow statements, with what PostgreSQL's plan of each warns of. On narrow screens CSS makes a list of it and
// would take its roles away, so they are named.

import { byId, element, prose } from "./dom.js";
import { UNKNOWN, agoText, countText, millisecondsText } from "./ops-text.js";

const HEADS = ["Statement", "Times", "Last", "Slowest", "Rows", "Plan"];

/** Keeps the table as it is but for what has changed, so that a text that is open stays open. */
export class StatementTable {
  #rows = new Map();
  #body = element("tbody", { role: "rowgroup" });

  constructor() {
    const heads = HEADS.map((head, at) => element("th", { scope: "col", role: "columnheader", class: at > 0 && at < 5 ? "number" : "" }, head));
    const head = element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, heads));
    byId("slow-table").replaceChildren(element("table", { class: "slow", role: "table", "aria-labelledby": "slow-heading" }, head, this.#body));
  }

  /** Shows these statements in their order. */
  show(statements, now) {
    byId("slow-none").hidden = statements.length > 0;
    byId("slow-table").hidden = statements.length === 0;
    const nodes = statements.map((slow) => this.#row(slow));
    const isSame = nodes.length === this.#body.children.length && nodes.every((node, at) => node === this.#body.children[at]);
    if (!isSame) this.#body.replaceChildren(...nodes);
    const ids = new Set(statements.map((slow) => slow.id));
    for (const id of this.#rows.keys()) if (!ids.has(id)) this.#rows.delete(id);
    statements.forEach((slow, at) => (nodes[at].querySelector(".last").title = `${agoText(now - slow.lastAt)}`));
  }

  #row(slow) {
    const known = this.#rows.get(slow.id) ?? { node: element("tr", { role: "row" }), details: null, shown: "" };
    this.#rows.set(slow.id, known);
    const facts = JSON.stringify([slow.count, slow.lastAt, slow.isExplained, slow.warnings]);
    if (known.shown === facts) return known.node;
    const isOpen = known.details?.open ?? false;
    known.details = statement(slow, isOpen);
    known.shown = facts;
    known.node.replaceChildren(...cells(slow, known.details));
    return known.node;
  }
}

function statement(slow, isOpen) {
  return element(
    "details",
    { open: isOpen },
    element("summary", {}, element("b", {}, slow.operation ?? (slow.path ? "Operation without a name" : "The server itself")), element("span", {}, slow.sql)),
    slow.path ? element("p", { class: "path" }, `Field ${slow.path}`) : null,
    element("pre", { tabindex: 0 }, element("code", {}, slow.sql)),
  );
}

function cells(slow, details) {
  const cut = slow.cutOff ? element("div", { class: "is-cut" }, `${countText(slow.cutOff)} cut off`) : null;
  const number = (at, ...content) => element("td", { role: "cell", class: `number${at === 2 ? " last" : ""}`, "data-head": HEADS[at] }, content);
  return [
    element("th", { scope: "row", role: "rowheader" }, details),
    number(1, countText(slow.count), cut),
    number(2, millisecondsText(slow.lastSeconds * 1000)),
    number(3, millisecondsText(slow.maxSeconds * 1000)),
    number(4, slow.rows === null ? UNKNOWN : countText(slow.rows)),
    element("td", { role: "cell", class: "plan", "data-head": HEADS[5] }, plan(slow)),
  ];
}

function plan({ warnings, isExplained }) {
  if (warnings === null) return [element("span", { class: "quiet-text" }, isExplained ? "PostgreSQL tells none" : "Not looked at yet")];
  if (!warnings.length) return [element("span", { class: "quiet-text" }, "Nothing wrong with it")];
  return warnings.map(({ code, about, message }) => {
    const [said] = prose(message);
    return element("p", { class: "warning", title: about }, element("b", {}, words(code)), ...said.childNodes);
  });
}

/** `SEQUENTIAL_SCAN` as people write it. */
function words(code) {
  const text = code.toLowerCase().replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
