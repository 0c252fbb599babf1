// The second step: how the file is read, and to which field each of its columns goes.

import { byId, element } from "./dom.js";
import { problemTable } from "./imports-problems.js";
import { table } from "./imports-table.js";
import { percentText, plural, wordsText } from "./imports-text.js";

const DELIMITERS = { ",": "comma", ";": "semicolon", "\t": "tab", "|": "bar" };
const HEADS = ["Column", "Values", "Goes to", "Because"];
const SAMPLES = 3;
const COLUMNS = 200; // Each has a select with every field, and the page has to stay quick.

/** The step; `onChange` is called when a column is to go elsewhere. */
export class MappingStep {
  constructor({ onChange }) {
    this.onChange = onChange;
    this.clear();
  }

  /** Forgets what was chosen for another file. */
  clear() {
    this.chosen = new Map();
  }

  /** What was chosen, as the server takes it; the other columns are found by it. */
  get mapping() {
    return [...this.chosen].map(([column, field]) => ({ column, field }));
  }

  /** Shows a preview; the select that had the focus has it again. */
  show(preview) {
    const { activeElement } = document;
    byId("summary").textContent = summaryOf(preview);
    byId("columns").replaceChildren(this.#columnTable(preview));
    byId("sample-problems").replaceChildren(...problemsOf(preview));
    if (activeElement?.id.startsWith("column-")) document.getElementById(activeElement.id)?.focus();
  }

  #columnTable({ columns, fields }) {
    const rows = columns.slice(0, COLUMNS).map((column) => [
      element("label", { for: `column-${column.index}`, class: "header" }, column.header || "(no name)"),
      samplesOf(column),
      this.#fieldSelect(column, fields),
      this.#reasonOf(column),
    ]);
    return table({ caption: captionOf(columns.length), heads: HEADS, rows, name: "columns" });
  }

  #fieldSelect({ index, header, field }, fields) {
    const option = (value, text) => element("option", { value, selected: value === (field ?? "") }, text);
    const choose = ({ target }) => {
      this.chosen.set(header, target.value || null);
      this.onChange();
    };
    return element(
      "select",
      { id: `column-${index}`, class: field ? "" : "is-off", change: choose },
      option("", "Nothing: pass it over"),
      fields.map((name) => option(name, wordsText(name))),
    );
  }

  #reasonOf({ header, score, reason, field }) {
    if (this.chosen.has(header)) return element("span", { class: "reason" }, "You chose it");
    const share = field ? element("b", {}, percentText(score)) : "";
    return element("span", { class: "reason" }, share, field ? " " : "", reason);
  }
}

function captionOf(count) {
  const more = count - COLUMNS;
  return `The columns of the file${more > 0 ? `; ${plural(more, "more column")} go where they were found to go` : ""}`;
}

function samplesOf({ samples }) {
  const shown = [...new Set(samples.filter(Boolean))].slice(0, SAMPLES);
  return shown.length ? element("ul", { class: "samples" }, shown.map((sample) => element("li", {}, sample))) : "";
}

function summaryOf({ encoding, delimiter, headerLine, vendor, rowsRead, estimatedRows }) {
  const separator = DELIMITERS[delimiter] ?? delimiter;
  return [
    estimatedRows ? `About ${plural(estimatedRows, "row")}` : plural(rowsRead, "row"),
    vendor ? `a file of ${wordsText(vendor)}` : null,
    encoding.toUpperCase(),
    `separated by ${separator}`,
    `header on line ${headerLine}`,
  ]
    .filter(Boolean)
    .join(" · ");
}

function problemsOf({ problems, rowsRead }) {
  const caption = `Found in the first ${plural(rowsRead, "row")}`;
  return problems.length ? [problemTable(problems, caption)] : [];
}
