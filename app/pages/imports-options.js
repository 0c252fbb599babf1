// The third step: what an import may do. Each control is written once, as a line of a table of controls.

import { byId, element } from "./dom.js";

const SELECTS = [
  {
    name: "mode",
    label: "Rows may",
    choices: [
      ["UPSERT", "create and change records"],
      ["CREATE_ONLY", "only create"],
      ["UPDATE_ONLY", "only change"],
    ],
  },
  {
    name: "onConflict",
    label: "A record that is there",
    choices: [
      ["FILL_EMPTY", "gets what it lacks"],
      ["OVERWRITE", "is overwritten"],
      ["SKIP", "stays as it is"],
    ],
  },
  {
    name: "errorPolicy",
    label: "A value that is wrong",
    choices: [
      ["IGNORE_FAILED_FIELDS", "is left out, the row is imported"],
      ["REJECT_FAILED_ROWS", "keeps its row out"],
      ["REJECT_EVERYTHING", "keeps everything out"],
    ],
  },
  {
    name: "dateOrder",
    label: "Dates such as 03/04/2024",
    choices: [
      ["", "are found out"],
      ["DMY", "begin with the day"],
      ["MDY", "begin with the month"],
      ["YMD", "begin with the year"],
    ],
  },
  {
    name: "numberLocale",
    label: "Numbers such as 1,234",
    choices: [
      ["", "are found out"],
      ["POINT", "have a decimal point: 1,234.5"],
      ["COMMA", "have a decimal comma: 1.234,5"],
    ],
  },
];
const TEXTS = [
  { name: "defaultCountry", label: "Country of phone numbers without one", placeholder: "DE", length: 2 },
  { name: "tag", label: "Tag for every contact", placeholder: "fair-2026", length: 100, contactsOnly: true },
];
const SWITCHES = [
  { name: "keepUnmapped", label: "Keep columns that go nowhere as custom fields" },
  { name: "dryRun", label: "Only try: tell what would happen, write nothing" },
];

/** The controls inside `#options`; `onChange` is called when one of them says something else. */
export class OptionsStep {
  constructor({ onChange }) {
    this.host = byId("options");
    this.host.append(...SELECTS.map(selectField), ...TEXTS.map(textField), element("div", { class: "switches" }, SWITCHES.map(switchField)));
    this.host.addEventListener("change", onChange);
  }

  /** Shows what there is to choose for contacts or companies. */
  showFor(entity) {
    this.entity = entity;
    for (const { name, contactsOnly } of TEXTS) this.#control(name).parentElement.hidden = !this.#fits(contactsOnly);
  }

  /** What was chosen, as the server takes it. */
  get options() {
    const selected = SELECTS.map(({ name }) => [name, this.#control(name).value]);
    const written = TEXTS.filter(({ contactsOnly }) => this.#fits(contactsOnly)).map(({ name }) => [name, this.#control(name).value.trim()]);
    const switched = SWITCHES.map(({ name }) => [name, this.#control(name).checked]);
    return Object.fromEntries([...selected, ...written, ...switched].filter(([, value]) => value !== ""));
  }

  #fits(contactsOnly) {
    return !contactsOnly || this.entity === "CONTACTS";
  }

  #control(name) {
    return byId(`option-${name}`);
  }
}

function selectField({ name, label, choices }) {
  const options = choices.map(([value, text]) => element("option", { value }, text));
  return field(name, label, element("select", { id: `option-${name}` }, options));
}

function textField({ name, label, placeholder, length }) {
  const plain = { autocomplete: "off", spellcheck: "false", maxlength: length };
  return field(name, label, element("input", { id: `option-${name}`, type: "text", placeholder, ...plain }));
}

function field(name, label, control) {
  return element("p", { class: "field" }, element("label", { for: `option-${name}` }, label), control);
}

function switchField({ name, label }) {
  return element("label", {}, element("input", { id: `option-${name}`, type: "checkbox" }), element("span", {}, label));
}
