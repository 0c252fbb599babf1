// A text area that shows its text in colour: the text area holds text, caret and selection and is itself transparent;
// under it lies the painted copy. Tab is left to move the focus, so nobody is caught in the editor.

import { element, painted } from "./dom.js";
import { SuggestionList } from "./suggestion-list.js";

const PAIRS = { "{": "}", "(": ")", "[": "]" };
const CLOSERS = new Set(Object.values(PAIRS));
const WORD_INPUT = /^[\w$@]$/u;

/** An editor inside `host`; `tokens` colours a text, `complete` (optional) answers the suggestions at an offset. */
export class CodeEditor {
  constructor(host, { label, placeholder = "", tokens, complete = null, onChange = () => {}, onRun = () => {} }) {
    Object.assign(this, { host, tokens, complete, onChange, onRun });
    this.gutter = element("div", { class: "editor-gutter", "aria-hidden": "true" });
    this.paint = element("pre", { class: "editor-paint", "aria-hidden": "true" });
    this.input = this.#makeInput(label, placeholder);
    host.append(this.gutter, element("div", { class: "editor-text" }, this.paint, this.input));
    if (complete) this.#addSuggestions();
    this.#listen();
    this.#show();
  }

  get value() {
    return this.input.value;
  }

  /** Replaces the whole text; the browser's undo still knows the old one when the editor has the focus. */
  set value(text) {
    if (document.activeElement === this.input) this.#replace(0, this.value.length, text);
    else this.input.value = text;
    this.#changed();
  }

  get cursor() {
    return this.input.selectionStart;
  }

  focus() {
    this.input.focus({ preventScroll: true });
  }

  /** Marks lines (from 1) as mistaken until the text changes. */
  markLines(lines) {
    [...this.gutter.children].forEach((row, at) => row.classList.toggle("is-wrong", lines.has(at + 1)));
  }

  #makeInput(label, placeholder) {
    const plain = { spellcheck: "false", autocapitalize: "off", autocomplete: "off", autocorrect: "off", wrap: "off" };
    return element("textarea", { class: "editor-input", "aria-label": label, placeholder, ...plain });
  }

  #addSuggestions() {
    this.list = new SuggestionList({ onPick: (item) => this.#accept(item) });
    this.input.setAttribute("aria-autocomplete", "list");
    this.input.setAttribute("aria-controls", this.list.id);
  }

  #listen() {
    this.input.addEventListener("input", (event) => this.#typed(event));
    this.input.addEventListener("keydown", (event) => this.#pressed(event));
    this.input.addEventListener("blur", () => this.#closeList());
    this.input.addEventListener("click", () => this.#closeList());
    this.host.addEventListener("scroll", () => this.list?.isOpen && this.list.place(this.#rectangle(this.replacing.start)));
    this.host.addEventListener("mousedown", (event) => {
      if (event.target === this.input) return;
      event.preventDefault();
      this.focus();
    });
  }

  #typed(event) {
    this.#changed();
    this.#reveal();
    const writes = event.inputType === "insertText" && WORD_INPUT.test(event.data ?? "");
    if (writes || this.list?.isOpen) this.#suggest();
  }

  #changed() {
    this.#show();
    this.onChange(this.value);
  }

  #show() {
    this.paint.replaceChildren(painted(this.tokens(this.value)), "\n");
    const count = this.value.split("\n").length;
    const rows = Array.from({ length: count }, (_, at) => element("span", {}, String(at + 1)));
    this.gutter.replaceChildren(...rows);
  }

  #pressed(event) {
    if (event.isComposing) return;
    const handled = this.#pressedInList(event) || this.#pressedCommand(event) || this.#pressedText(event);
    if (handled) event.preventDefault();
  }

  #pressedInList(event) {
    if (!this.list?.isOpen || event.ctrlKey || event.metaKey || event.altKey) return false;
    const { active } = this.list;
    const actions = {
      ArrowDown: () => this.list.select(active + 1),
      ArrowUp: () => this.list.select(active - 1),
      Enter: () => this.list.pick(),
      Tab: () => this.list.pick(),
      Escape: () => this.#closeList(),
    };
    if (event.shiftKey || !Object.hasOwn(actions, event.key)) return false;
    actions[event.key]();
    this.#pointAtActive();
    return true;
  }

  #pressedCommand(event) {
    if (!event.ctrlKey && !event.metaKey) return false;
    if (event.key === "Enter") this.onRun();
    else if (event.key === " " && this.complete) this.#suggest();
    else return false;
    return true;
  }

  #pressedText(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const { selectionStart: start, selectionEnd: end, value } = this.input;
    const [before, after] = [value[start - 1], value[end]];
    if (event.key === "Enter" && !event.shiftKey) return this.#breakLine(start, end);
    if (start !== end) return false;
    if (CLOSERS.has(event.key) && after === event.key) return this.#moveTo(start + 1);
    if (Object.hasOwn(PAIRS, event.key) && (after === undefined || /[\s)\]}]/u.test(after))) {
      return this.#insert(event.key + PAIRS[event.key], 1);
    }
    if (event.key === "Backspace" && after !== undefined && PAIRS[before] === after) {
      return this.#replace(start - 1, end + 1, "");
    }
    return false;
  }

  /** Starts a line at the indentation of this one, a level deeper after an opening bracket. */
  #breakLine(start, end) {
    const { value } = this;
    const line = value.slice(value.lastIndexOf("\n", start - 1) + 1, start);
    const indent = /^[ \t]*/u.exec(line)[0];
    const opener = line.trimEnd().at(-1);
    if (!Object.hasOwn(PAIRS, opener ?? "")) return this.#insert(`\n${indent}`);
    const deeper = `\n${indent}  `;
    return value[end] === PAIRS[opener] ? this.#insert(`${deeper}\n${indent}`, deeper.length) : this.#insert(deeper);
  }

  #insert(text, caret = text.length) {
    const { selectionStart: start, selectionEnd: end } = this.input;
    this.#replace(start, end, text);
    return this.#moveTo(start + caret);
  }

  #moveTo(at) {
    this.input.setSelectionRange(at, at);
    this.#reveal();
    return true;
  }

  /** Writes through the editing command, deprecated but the only way that keeps the browser's undo. */
  #replace(start, end, text) {
    this.input.setSelectionRange(start, end);
    const written = text ? document.execCommand("insertText", false, text) : document.execCommand("delete");
    if (!written) {
      this.input.setRangeText(text, start, end, "end");
      this.#changed();
    }
    return true;
  }

  #suggest() {
    if (!this.complete) return;
    const { start, end, word, items } = this.complete(this.value, this.cursor);
    if (!items.length) {
      this.#closeList();
      return;
    }
    this.replacing = { start, end };
    this.list.open(items, word, this.#rectangle(start));
    this.#pointAtActive();
  }

  #accept(item) {
    const { start, end } = this.replacing;
    const text = item.insert ?? item.label;
    this.#closeList();
    this.#replace(start, end, text);
    this.#moveTo(start + text.length);
    this.#closeList();
  }

  #pointAtActive() {
    const id = this.list.activeId;
    if (id) this.input.setAttribute("aria-activedescendant", id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  #closeList() {
    this.list?.close();
    this.input.removeAttribute("aria-activedescendant");
  }

  /** Where the character at this offset is painted. */
  #rectangle(offset) {
    const walker = document.createTreeWalker(this.paint, NodeFilter.SHOW_TEXT);
    let rest = offset;
    while (walker.nextNode()) {
      const { length } = walker.currentNode;
      if (rest < length) {
        const range = document.createRange();
        range.setStart(walker.currentNode, rest);
        range.setEnd(walker.currentNode, rest + 1);
        return range.getClientRects()[0] ?? range.getBoundingClientRect();
      }
      rest -= length;
    }
    return this.paint.getBoundingClientRect();
  }

  /** Scrolls the caret into view, and back to the line starts when they fit. */
  #reveal() {
    const caret = this.#rectangle(this.cursor);
    const view = this.host.getBoundingClientRect();
    if (caret.bottom > view.bottom) this.host.scrollTop += caret.bottom - view.bottom + caret.height;
    if (caret.top < view.top) this.host.scrollTop -= view.top - caret.top + caret.height;
    if (caret.right + this.host.scrollLeft < view.right) this.host.scrollLeft = 0;
    else if (caret.right > view.right) this.host.scrollLeft += caret.right - view.right + caret.height;
  }
}
