// What came back: status, duration and size, the errors in words, the answer as it was sent.

import { element, painted } from "./dom.js";
import { tokenizeJson } from "./json-lexer.js";

const PAINT_LIMIT = 400_000; // Characters; past it one span a token makes the page slow, so the text stays plain.
const TOKEN_COMMAND = "appointment360 token --email you@example.com";

/** The pane: `meta` takes the numbers, `body` everything else. */
export class ResultPane {
  constructor({ meta, body, copy, onTokenWanted }) {
    Object.assign(this, { meta, body, copy, onTokenWanted, text: "" });
    copy.addEventListener("click", () => this.#copied());
  }

  /** Says that the answer is on its way. */
  wait() {
    this.#fill([], [element("p", { class: "empty" }, "Waiting for the answer…")], "");
    this.body.setAttribute("aria-busy", "true");
  }

  /** Shows an answer; `count` numbers the events of a subscription. */
  show(answer, count = null) {
    const { status, statusText, body, milliseconds, bytes } = answer;
    const errors = Array.isArray(body?.errors) ? body.errors : [];
    const good = status < 400 && !errors.length;
    const text = body === null ? answer.text : JSON.stringify(body, null, 2);
    const meta = [
      element("span", { class: good ? "status is-good" : "status is-bad" }, `${status} ${statusText}`.trim()),
      element("span", {}, `${Math.round(milliseconds)} ms`),
      element("span", {}, sizeText(bytes)),
      count && element("span", {}, `event ${count}`),
    ];
    const parts = [
      needsToken(status, errors) && this.#tokenHint(),
      errors.length ? element("ul", { class: "errors" }, errors.map(errorItem)) : null,
      answerText(text, body !== null),
    ];
    this.#fill(meta.filter(Boolean), parts.filter(Boolean), text);
  }

  /** Says why nothing was sent, or why no answer came. */
  fail(title, message) {
    const failure = element("div", { class: "notice is-bad", role: "alert" }, element("h3", {}, title), element("p", {}, message));
    this.#fill([], [failure], "");
  }

  #fill(meta, parts, text) {
    this.text = text;
    this.copy.hidden = !text;
    this.meta.replaceChildren(...meta);
    this.body.replaceChildren(...parts);
    this.body.removeAttribute("aria-busy");
    this.body.scrollTop = 0;
  }

  #tokenHint() {
    const enter = element("button", { type: "button", click: this.onTokenWanted }, "Sign in");
    return element(
      "div",
      { class: "notice" },
      element("h3", {}, "This needs a token"),
      element("p", {}, "Sign in with a password, or make a token on the server and paste it into the token field:"),
      element("pre", { class: "command" }, element("code", {}, TOKEN_COMMAND)),
      element("p", {}, enter),
    );
  }

  async #copied() {
    try {
      await navigator.clipboard.writeText(this.text);
      this.copy.textContent = "Copied";
    } catch {
      this.copy.textContent = "Not allowed";
    }
    setTimeout(() => (this.copy.textContent = "Copy"), 1500);
  }
}

function needsToken(status, errors) {
  return status === 401 || errors.some((error) => error?.extensions?.code === "UNAUTHENTICATED");
}

function errorItem(error) {
  const { message, path, locations, extensions } = error ?? {};
  const places = (locations ?? []).map(({ line, column }) => `line ${line}, column ${column}`);
  const notes = [extensions?.code, path?.length ? path.join(" › ") : null, ...places].filter(Boolean);
  return element("li", {}, element("p", {}, String(message ?? "Unknown error")), notes.length ? element("small", {}, notes.join(" · ")) : null);
}

function answerText(text, isJson) {
  const plain = !isJson || text.length > PAINT_LIMIT;
  return element("pre", { class: "answer", tabindex: "0", "aria-label": "Answer" }, plain ? text : painted(tokenizeJson(text)));
}

/** A number of bytes in the unit people read. */
function sizeText(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
