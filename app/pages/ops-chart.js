// A chart over time, drawn as SVG: lines or stacked bands, axes with units, and a cursor that reads values.

import { byId, element } from "./dom.js";
import { runsOf, timeTicks, valueTicks } from "./ops-scale.js";
import { clockText, minuteText } from "./ops-text.js";

const HEIGHT = 156;
const EDGE = { top: 8, right: 6, bottom: 20, left: 52 };
const HALF_CHARACTER = 3.5;
const SPACE = byId("mark").namespaceURI;

/**
 * A chart. Its series are drawn from rows with `at`, in seconds since 1970: each has a `name`, a `tone`, and `of`, which
 * gives its value of a row or null. `kind` is lines, with an area below the first, or bands; a series that `isLimit` is dashed,
 * and of one that `isSeldom` nothing is drawn while it is 0.
 */
export class Chart {
  #rows = [];
  #cursor = null;
  #width = 0;
  #span = { from: 0, to: 1 };

  constructor({ title, unit, series, text, kind = "lines", least = 1, whole = false, onCursor }) {
    Object.assign(this, { title, series, text, kind, least, whole, onCursor });
    this.svg = drawn("svg", { role: "img", tabindex: 0, "aria-label": `${title}${unit ? `, ${unit}` : ""}. Arrow keys read values.` });
    this.keys = element("dl", { class: "keys" });
    this.node = element(
      "section",
      { class: "card chart" },
      element("h3", {}, `${title} `, unit ? element("small", {}, unit) : null),
      this.keys,
      element("div", { class: "plot" }, this.svg),
    );
    this.#listen();
  }

  /** Shows rows of a span of time. */
  show(rows, span) {
    this.#rows = rows.filter((row) => row.at >= span.from);
    this.#span = span;
    this.draw();
  }

  /** Reads the values of a moment; of the newest for null. */
  point(at) {
    this.#cursor = at;
    this.draw();
  }

  /** What the chart reads at the cursor, or now, in words. */
  reading() {
    const row = this.#row();
    const values = this.series.map((each) => `${each.name} ${this.text(row ? each.of(row) : null)}`);
    return `${this.title}${row ? ` at ${clockText(row.at)}` : ""}: ${values.join(", ")}`;
  }

  draw() {
    this.#width = this.svg.clientWidth || this.#width;
    if (!this.#width) return;
    const ticks = valueTicks(this.#top(), { whole: this.whole });
    this.limit = ticks.at(-1);
    this.svg.setAttribute("viewBox", `0 0 ${this.#width} ${HEIGHT}`);
    this.svg.replaceChildren(...this.#axes(ticks), ...this.#marks(), ...this.#pointer());
    this.#fillKeys();
  }

  #top() {
    const values = this.#rows.map((row) => {
      const all = this.series.map((each) => each.of(row) ?? 0);
      return this.kind === "bands" ? all.reduce((sum, value) => sum + value, 0) : Math.max(...all);
    });
    return Math.max(this.least, ...values);
  }

  #x(at) {
    const { from, to } = this.#span;
    return EDGE.left + ((at - from) / (to - from)) * (this.#width - EDGE.left - EDGE.right);
  }

  #y(value) {
    return HEIGHT - EDGE.bottom - (value / this.limit) * (HEIGHT - EDGE.top - EDGE.bottom);
  }

  #axes(ticks) {
    const right = this.#width - EDGE.right;
    const values = ticks.flatMap((value) => {
      const y = Math.round(this.#y(value)) + 0.5;
      const line = drawn("path", { class: value ? "grid" : "base", d: `M${EDGE.left} ${y}H${right}` });
      return [line, drawn("text", { x: EDGE.left - 8, y: y + 3.5, "text-anchor": "end" }, this.text(value))];
    });
    const { from, to } = this.#span;
    const times = timeTicks({ from, to, pixels: right - EDGE.left }).flatMap((at) => {
      const words = at % 60 ? clockText(at) : minuteText(at);
      const isCut = this.#x(at) > this.#width - words.length * HALF_CHARACTER;
      return isCut ? [] : [drawn("text", { x: this.#x(at), y: HEIGHT - 5, "text-anchor": "middle" }, words)];
    });
    return [...values, ...times];
  }

  #marks() {
    if (!this.#rows.length) return [drawn("text", { class: "empty-text", x: (this.#width + EDGE.left) / 2, y: HEIGHT / 2 }, "Nothing yet")];
    return this.kind === "bands" ? this.#bands() : this.series.flatMap((each, at) => this.#line(each, at === 0));
  }

  #line(series, hasArea) {
    const runs = runsOf(this.#rows.filter((row, at) => series.of(row) != null && this.#isDrawn(series, at)));
    const points = (run) => run.map((row) => `${fixed(this.#x(row.at))} ${fixed(this.#y(series.of(row)))}`);
    // A run of one row is a dot: a line that goes nowhere has round ends.
    const path = runs.map((run) => `M${points(run).join("L")}${run.length === 1 ? "h0.01" : ""}`).join("");
    const line = drawn("path", { class: series.isLimit ? `limit of-${series.tone}` : `line of-${series.tone}`, d: path });
    if (!hasArea) return [line];
    const area = runs.map((run) => `M${fixed(this.#x(run[0].at))} ${this.#y(0)}L${points(run).join("L")}L${fixed(this.#x(run.at(-1).at))} ${this.#y(0)}Z`);
    return [drawn("path", { class: `area of-${series.tone}`, d: area.join("") }), line];
  }

  /** Whether a row is one of those between which the line of a series goes up or down. */
  #isDrawn(series, at) {
    const around = this.#rows.slice(Math.max(0, at - 1), at + 2);
    return !series.isSeldom || around.some((row) => series.of(row) > 0);
  }

  #bands() {
    const runs = runsOf(this.#rows);
    const below = new Map();
    return this.series.map((series) => {
      const shapes = runs.map((run) => {
        const lower = run.map((row) => below.get(row) ?? 0);
        const upper = run.map((row, at) => lower[at] + (series.of(row) ?? 0));
        run.forEach((row, at) => below.set(row, upper[at]));
        const edge = (values) => run.map((row, at) => `${fixed(this.#x(row.at))} ${fixed(this.#y(values[at]))}`);
        return `M${edge(upper).join("L")}L${edge(lower).reverse().join("L")}Z`;
      });
      return drawn("path", { class: `band of-${series.tone}`, d: shapes.join("") });
    });
  }

  /** The row the cursor reads; the newest without a cursor. */
  #row() {
    if (this.#cursor === null) return this.#rows.at(-1);
    const near = (row) => Math.abs(row.at - this.#cursor);
    const found = this.#rows.reduce((best, row) => (best && near(best) <= near(row) ? best : row), null);
    return found && near(found) <= 3 ? found : null;
  }

  #pointer() {
    if (this.#cursor === null) return [];
    const x = Math.round(this.#x(this.#cursor)) + 0.5;
    const line = drawn("path", { class: "cursor", d: `M${x} ${EDGE.top}V${HEIGHT - EDGE.bottom}` });
    const row = this.#row();
    if (!row || this.kind === "bands") return [line];
    const dots = this.series.filter((each) => each.of(row) != null && !each.isLimit);
    return [line, ...dots.map((each) => drawn("circle", { class: `dot of-${each.tone}`, cx: x, cy: this.#y(each.of(row)), r: 3.5 }))];
  }

  #fillKeys() {
    const row = this.#row();
    const keys = this.series.map((each) =>
      element("div", { class: `of-${each.tone}${each.isLimit ? " is-dashed" : ""}` }, element("dt", {}, each.name), element("dd", {}, this.text(row ? each.of(row) : null))),
    );
    const time = this.#cursor === null ? null : element("time", {}, clockText(this.#cursor));
    this.keys.replaceChildren(...keys, ...(time ? [time] : []));
  }

  #listen() {
    new ResizeObserver(() => this.draw()).observe(this.svg);
    this.svg.addEventListener("pointermove", (event) => this.onCursor(this.#moment(event.offsetX)));
    this.svg.addEventListener("pointerleave", () => this.onCursor(null));
    this.svg.addEventListener("blur", () => this.onCursor(null));
    this.svg.addEventListener("keydown", (event) => this.#step(event));
  }

  #moment(x) {
    const { from, to } = this.#span;
    const share = (x - EDGE.left) / (this.#width - EDGE.left - EDGE.right);
    return Math.round(from + Math.min(1, Math.max(0, share)) * (to - from));
  }

  #step(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") this.onCursor(null);
    if (!step) return;
    event.preventDefault();
    const { from, to } = this.#span;
    const moved = (this.#cursor ?? to) + step * (event.shiftKey ? 10 : 1);
    this.onCursor(Math.round(Math.min(to, Math.max(from, moved))), this);
  }
}

/** An SVG element; nothing of it is markup. */
function drawn(tag, attributes, text = "") {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.textContent = text;
  return made;
}

function fixed(value) {
  return Number(value.toFixed(1));
}
