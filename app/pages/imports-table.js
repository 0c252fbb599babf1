// A table that becomes a list of cards on narrow screens. The roles are named because CSS takes them away there.

import { element } from "./dom.js";

/** A table; `heads` names the columns, a row is a list of nodes or texts of which the first heads it. */
export function table({ caption, heads, rows, name }) {
  return element(
    "table",
    { class: `cards ${name}`, role: "table" },
    element("caption", {}, caption),
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, heads.map(columnHead))),
    element("tbody", { role: "rowgroup" }, rows.map((cells) => tableRow(cells, heads))),
  );
}

function columnHead(text) {
  return element("th", { scope: "col", role: "columnheader" }, text);
}

function tableRow(cells, heads) {
  const [first, ...others] = cells;
  return element(
    "tr",
    { role: "row" },
    element("th", { scope: "row", role: "rowheader", "data-head": heads[0] }, first),
    others.map((cell, at) => element("td", { role: "cell", "data-head": heads[at + 1] }, cell)),
  );
}
