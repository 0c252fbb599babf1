// The documentation panel: the schema as pages one walks through, and a search over all of it.

import { kindText } from "./completion.js";
import { element, prose } from "./dom.js";
import { namedType, typeText } from "./schema.js";

const GROUPS = [
  ["OBJECT", "Objects"],
  ["INTERFACE", "Interfaces"],
  ["UNION", "Unions"],
  ["INPUT_OBJECT", "Inputs"],
  ["ENUM", "Enums"],
  ["SCALAR", "Scalars"],
];
const FOUND_LIMIT = 60;

/** The panel: `page` shows, `search` filters, `back` goes one page back. A page is `{ type?, field? }`; none is the start. */
export class Docs {
  constructor({ page, search, back }) {
    Object.assign(this, { page, search, back, schema: null, trail: [{}] });
    search.addEventListener("input", () => this.#show());
    search.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#searchFor("");
    });
    back.addEventListener("click", () => this.#back());
    this.explain("Loading the schema…");
  }

  /** Shows this schema from its start page. */
  open(schema) {
    this.schema = schema;
    this.search.disabled = false;
    this.trail = [{}];
    this.#show();
  }

  /** Shows sentences instead of a schema. */
  explain(...sentences) {
    this.schema = null;
    this.search.disabled = true;
    this.back.hidden = true;
    this.page.replaceChildren(...sentences.map((sentence) => element("p", { class: "empty" }, sentence)));
  }

  #searchFor(text) {
    this.search.value = text;
    this.#show();
  }

  #go(place) {
    this.trail.push(place);
    this.#searchFor("");
    this.page.querySelector("h3")?.focus();
  }

  #back() {
    if (this.search.value) this.#searchFor("");
    else {
      if (this.trail.length > 1) this.trail.pop();
      this.#show();
    }
    this.page.querySelector("h3")?.focus();
  }

  #show() {
    if (!this.schema) return;
    const sought = this.search.value.trim();
    const { type, field } = this.trail.at(-1);
    this.back.hidden = !sought && this.trail.length === 1;
    this.page.replaceChildren(...this.#content(sought, type, field).flat().filter(Boolean));
    this.page.scrollTop = 0;
  }

  #content(sought, type, field) {
    if (sought) return this.#found(sought);
    if (field) return this.#fieldPage(type, field);
    return type ? this.#typePage(this.schema.type(type)) : this.#startPage();
  }

  #startPage() {
    const roots = Object.values(this.schema.roots).filter(Boolean).map((name) => this.schema.type(name));
    const names = new Set(roots.map((type) => type.name));
    const others = this.schema.ownTypes.filter((type) => !names.has(type.name)).sort((a, b) => a.name.localeCompare(b.name));
    const groups = GROUPS.map(([kind, title]) => this.#section(title, others.filter((type) => type.kind === kind), (type) => this.#typeRow(type)));
    return [
      heading("Schema"),
      prose(this.schema.description),
      this.#section("Operations", roots, (type) => this.#typeRow(type)),
      groups,
      this.#section("Directives", this.schema.directives, (directive) => this.#directiveRow(directive)),
    ];
  }

  #typePage(type) {
    return [
      heading(type.name, kindText(type.kind)),
      prose(type.description),
      this.#links("Implements", type.interfaces),
      this.#links(type.kind === "UNION" ? "One of" : "Implemented by", type.possibleTypes),
      type.specifiedByURL ? element("p", { class: "note" }, `Specified by ${type.specifiedByURL}`) : null,
      this.#section("Fields", type.fields, (field) => this.#fieldRow(type.name, field)),
      this.#section("Input fields", type.inputFields, (input) => this.#inputRow(input)),
      this.#section("Values", type.enumValues, (value) => row(member(value), about(value))),
    ];
  }

  #fieldPage(typeName, fieldName) {
    const field = this.schema.field(typeName, fieldName);
    return [
      heading(field.name, `field of ${typeName}`),
      element("p", {}, "Type ", this.#typeLink(field.type)),
      about(field),
      this.#section("Arguments", field.args, (input) => this.#inputRow(input)),
      this.#section(`Fields of ${namedType(field.type)}`, this.schema.type(namedType(field.type))?.fields, (inner) =>
        this.#fieldRow(namedType(field.type), inner),
      ),
    ];
  }

  /** Types and fields whose name contains what is sought, names that start with it first. */
  #found(sought) {
    const wanted = sought.toLowerCase();
    const hits = [];
    for (const type of this.schema.ownTypes) {
      hits.push({ name: type.name, type });
      for (const member of [...(type.fields ?? []), ...(type.inputFields ?? []), ...(type.enumValues ?? [])]) {
        hits.push({ name: member.name, type, member });
      }
    }
    const rank = ({ name }) => name.toLowerCase().indexOf(wanted);
    const found = hits.filter((hit) => rank(hit) >= 0);
    const sorted = [...found.filter((hit) => rank(hit) === 0), ...found.filter((hit) => rank(hit) > 0)];
    const count = found.length === 1 ? "1 match" : `${found.length} matches`;
    const more = found.length > FOUND_LIMIT ? `, the first ${FOUND_LIMIT} shown` : "";
    return [
      element("p", { class: "note", role: "status" }, count + more),
      element("ul", { class: "members" }, sorted.slice(0, FOUND_LIMIT).map((hit) => this.#foundRow(hit))),
    ];
  }

  #foundRow({ type, member: found }) {
    if (!found) return this.#typeRow(type);
    const isField = type.fields?.includes(found);
    const place = isField ? { type: type.name, field: found.name } : { type: type.name };
    const owner = element("span", { class: "owner" }, `${type.name}.`);
    return row(element("span", { class: "signature" }, owner, this.#link(found.name, place, "t-field")), about(found, true));
  }

  #section(title, things, makeRow) {
    if (!things?.length) return null;
    return element("section", {}, element("h4", {}, title), element("ul", { class: "members" }, things.map(makeRow)));
  }

  #links(title, types) {
    if (!types?.length) return null;
    const links = types.flatMap(({ name }, at) => [at ? ", " : "", this.#link(name, { type: name }, "t-type")]);
    return element("p", { class: "note" }, `${title} `, links);
  }

  #typeRow(type) {
    return row(this.#link(type.name, { type: type.name }, "t-type"), about(type, true));
  }

  #fieldRow(typeName, field) {
    const args = field.args.flatMap((input, at) => [at ? ", " : "(", element("span", { class: "t-argument" }, input.name)]);
    const name = this.#link(field.name, { type: typeName, field: field.name }, field.isDeprecated ? "t-field is-deprecated" : "t-field");
    return row(element("span", { class: "signature" }, name, args, args.length ? ")" : "", ": ", this.#typeLink(field.type)), about(field, true));
  }

  #inputRow(input) {
    const fallback = input.defaultValue == null ? "" : ` = ${input.defaultValue}`;
    const name = element("span", { class: input.isDeprecated ? "t-argument is-deprecated" : "t-argument" }, input.name);
    return row(element("span", { class: "signature" }, name, ": ", this.#typeLink(input.type), fallback), about(input));
  }

  #directiveRow(directive) {
    const signature = element("span", { class: "signature" }, element("span", { class: "t-directive" }, `@${directive.name}`));
    const args = directive.args.map((input) => this.#inputRow(input));
    return row(signature, about(directive, true), args.length ? element("ul", { class: "members" }, args) : null);
  }

  #typeLink(ref) {
    const name = namedType(ref);
    const [before, after] = typeText(ref).split(name);
    return element("span", { class: "signature" }, before, this.#link(name, { type: name }, "t-type"), after);
  }

  #link(text, place, classes) {
    return element("button", { type: "button", class: `link ${classes}`, click: () => this.#go(place) }, text);
  }
}

function heading(title, note = "") {
  return element("h3", { tabindex: "-1" }, title, note ? element("small", {}, ` ${note}`) : null);
}

function member(thing) {
  return element("span", { class: thing.isDeprecated ? "signature t-enum is-deprecated" : "signature t-enum" }, thing.name);
}

function row(...parts) {
  return element("li", {}, ...parts);
}

/** The description, and why not to use the thing any more; `brief` keeps the first paragraph only. */
function about(thing, brief = false) {
  const paragraphs = prose(thing.description);
  const reason = thing.isDeprecated ? element("p", { class: "deprecation" }, `Deprecated: ${thing.deprecationReason ?? "no reason given"}`) : null;
  return element("div", { class: "about" }, reason, brief ? paragraphs.slice(0, 1) : paragraphs);
}
