// The document laid out evenly: one selection a line, two spaces a level, comments kept.

import { significant, tokenize } from "./graphql-lexer.js";

const OPENING = new Set(["(", "[", "{"]);
const CLOSING = new Set([")", "]", "}"]);

/** The same document, laid out. A text whose tokens would change (brackets that do not match, say) comes back as it was. */
export function format(text) {
  const layout = new Layout();
  let newline = false;
  for (const token of tokenize(text)) {
    if (token.kind === "space") newline ||= token.text.includes("\n");
    else {
      layout.take(token, newline);
      newline = false;
    }
  }
  const laidOut = layout.text.trim();
  return spelling(laidOut) === spelling(text) ? laidOut : text;
}

function spelling(text) {
  return significant(tokenize(text)).map((token) => token.text).join(" ");
}

/** The text so far and the open brackets; a brace inside parentheses is a value, any other a selection. */
class Layout {
  constructor() {
    this.text = "";
    this.open = [];
    this.previous = null;
  }

  get inValue() {
    return this.open.includes("(");
  }

  take(token, newline) {
    if (token.kind === "comment") this.#comment(token, newline);
    else if (CLOSING.has(token.text)) this.#close(token);
    else this.#write(token);
    if (OPENING.has(token.text)) this.open.push(token.text);
    this.previous = token;
  }

  #comment(token, newline) {
    if (newline || !this.text) this.#line();
    else this.text += " ";
    this.text += token.text;
  }

  #close(token) {
    const inner = this.inValue;
    const emptied = OPENING.has(this.previous?.text);
    this.open.pop();
    if (!inner && token.text === "}" && !emptied) this.#line();
    else if (inner && token.text === "}" && !emptied) this.text += " ";
    else if (this.previous?.kind === "comment") this.#line();
    this.text += token.text;
    if (!this.open.length && token.text === "}") this.text += "\n";
  }

  #write(token) {
    const separator = this.inValue ? this.#inlineGap(token) : this.#gap(token);
    if (separator === "\n" || this.previous?.kind === "comment") this.#line();
    else this.text += separator;
    this.text += token.text;
  }

  /** What stands before a token of a selection or a header. */
  #gap(token) {
    const { previous } = this;
    if (!previous || token.text === ":" || token.text === "(") return "";
    if (token.text === "{" && !this.open.length && previous.text === "}") return "\n";
    if (token.text === "{" || token.kind === "directive" || previous.text === ":") return " ";
    if (previous.kind === "spread") return token.text === "on" ? " " : "";
    if (!this.open.length) return previous.text === "}" ? "\n" : " ";
    return this.#followsOn(previous) ? " " : "\n";
  }

  /** Whether the selection's name completes what came before: the type after `... on`. */
  #followsOn(previous) {
    return previous.text === "on" && /\.\.\. on$/u.test(this.text);
  }

  /** What stands before a token inside parentheses. */
  #inlineGap(token) {
    const { previous } = this;
    if ([":", "!"].includes(token.text) || ["(", "["].includes(previous.text)) return "";
    if ([":", "=", "{"].includes(previous.text) || token.text === "=" || token.kind === "directive") return " ";
    return token.text === "(" ? "" : ", ";
  }

  #line() {
    if (!this.text) return;
    const indent = "  ".repeat(this.open.length);
    this.text = `${this.text.replace(/[ \t]+$/u, "")}\n${indent}`;
  }
}
