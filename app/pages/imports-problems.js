// What is wrong with rows of the file: where, what, and what could be written instead.

import { element } from "./dom.js";
import { table } from "./imports-table.js";
import { numberText } from "./imports-text.js";

const HEADS = ["Line", "Column", "Problem", "Value", "What to do"];

/** The problems as a table. */
export function problemTable(problems, caption) {
  return table({ caption, heads: HEADS, rows: problems.map(problemRow), name: "problems" });
}

function problemRow({ line, column, code, message, raw, suggestion, severity }) {
  return [
    line ? numberText(line) : "–",
    column ? element("span", { class: "header" }, column) : "",
    element("span", {}, severityMark(severity), message, " ", element("code", { class: "code" }, code)),
    raw ? element("code", { class: "raw" }, raw) : "",
    suggestion ?? "",
  ];
}

function severityMark(severity) {
  const isError = severity === "ERROR";
  return element("span", { class: isError ? "mark is-bad" : "mark is-warn" }, isError ? "Error" : "Warning");
}

/** The problems of an import, a page at a time. */
export class ImportProblems {
  constructor(host, { api, onTrouble }) {
    Object.assign(this, { host, api, onTrouble });
    this.clear();
  }

  clear() {
    this.before = [];
    this.after = null;
    this.jobId = null;
    this.host.replaceChildren();
  }

  /** Shows the first page of a job's problems; nothing where there are none. */
  async open(jobId) {
    this.clear();
    this.jobId = jobId;
    await this.#load();
  }

  async #load() {
    const { jobId } = this;
    try {
      const page = await this.api.problems(jobId, this.after);
      if (jobId === this.jobId) this.#show(page);
    } catch (failure) {
      this.onTrouble(failure);
    }
  }

  #show({ nodes, pageInfo }) {
    const isAlone = !this.before.length && !pageInfo.hasNextPage;
    const caption = `What there is to tell about the rows${isAlone ? "" : `, page ${this.before.length + 1}`}`;
    const pages = isAlone ? null : this.#pageButtons(pageInfo);
    this.host.replaceChildren(...(nodes.length ? [problemTable(nodes, caption)] : []), ...(pages ? [pages] : []));
  }

  #pageButtons({ hasNextPage, endCursor }) {
    const button = (text, disabled, click) => element("button", { type: "button", disabled, click }, text);
    return element(
      "nav",
      { class: "pages", "aria-label": "Pages of problems" },
      button("Previous", !this.before.length, () => this.#turn(this.before.pop())),
      button("Next", !hasNextPage, () => {
        this.before.push(this.after);
        this.#turn(endCursor);
      }),
    );
  }

  async #turn(cursor) {
    this.after = cursor;
    await this.#load();
    this.host.querySelector(".pages button:enabled")?.focus();
  }
}
