// The list of suggestions under the caret: a listbox the editor points at while the focus stays in its text.

import { element, prose } from "./dom.js";

const GAP = 4;
let lists = 0;

/** The list, hidden until `open`; it calls `onPick` with the chosen item. */
export class SuggestionList {
  constructor({ onPick }) {
    lists += 1;
    this.id = `suggestions-${lists}`;
    this.onPick = onPick;
    this.items = [];
    this.active = 0;
    this.options = element("ul", { id: this.id, role: "listbox", "aria-label": "Suggestions" });
    this.about = element("div", { class: "suggestion-about" });
    this.root = element("div", { class: "suggestions", hidden: true }, this.options, this.about);
    // The editor must keep the focus while a suggestion is clicked.
    this.root.addEventListener("mousedown", (event) => event.preventDefault());
    this.options.addEventListener("click", (event) => this.#clicked(event));
    document.body.append(this.root);
  }

  get isOpen() {
    return !this.root.hidden;
  }

  /** The id of the option that Enter would pick, for `aria-activedescendant`. */
  get activeId() {
    return this.isOpen ? `${this.id}-${this.active}` : null;
  }

  /** Shows the items at the caret's rectangle, the part that matches `word` emphasised. */
  open(items, word, caret) {
    this.items = items;
    this.options.replaceChildren(...items.map((item, at) => this.#option(item, at, word)));
    this.root.hidden = false;
    this.select(0);
    this.place(caret);
  }

  close() {
    this.root.hidden = true;
  }

  /** Makes the item at this place the active one, around the ends. */
  select(at) {
    this.options.children[this.active]?.setAttribute("aria-selected", "false");
    this.active = (at + this.items.length) % this.items.length;
    const option = this.options.children[this.active];
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    const { description, deprecated } = this.items[this.active];
    const warning = deprecated && element("p", { class: "deprecation" }, `Deprecated: ${deprecated}`);
    this.about.replaceChildren(...[warning, ...prose(description)].filter(Boolean));
    this.about.hidden = !this.about.childElementCount;
  }

  pick() {
    this.onPick(this.items[this.active]);
  }

  #option(item, at, word) {
    const attributes = { id: `${this.id}-${at}`, role: "option", "aria-selected": "false", "data-at": at };
    const label = element("span", { class: item.deprecated ? "label is-deprecated" : "label" }, emphasized(item.label, word));
    return element("li", attributes, label, element("span", { class: "detail" }, item.detail ?? ""));
  }

  #clicked(event) {
    const option = event.target.closest("[data-at]");
    if (!option) return;
    this.select(Number(option.dataset.at));
    this.pick();
  }

  /** Puts the list under the caret, above it when there is more room. */
  place(caret) {
    const { width, height } = this.root.getBoundingClientRect();
    const below = caret.bottom + GAP;
    const fits = below + height <= innerHeight || caret.top < height;
    this.root.style.left = `${Math.max(GAP, Math.min(caret.left, innerWidth - width - GAP))}px`;
    this.root.style.top = `${fits ? below : caret.top - GAP - height}px`;
  }
}

/** The label with the matching part in bold. */
function emphasized(label, word) {
  const at = label.toLowerCase().indexOf(word.toLowerCase());
  if (!word || at < 0) return [label];
  const end = at + word.length;
  return [label.slice(0, at), element("b", {}, label.slice(at, end)), label.slice(end)];
}
