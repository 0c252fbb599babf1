// The charts of the page: what each shows, and the cursor they share.

import { byId } from "./dom.js";
import { Chart } from "./ops-chart.js";
import { countText, memoryText, millisecondsText, shareText } from "./ops-text.js";

const perSecond = (name) => (sample) => sample[name] / sample.seconds;
const value = (name) => (sample) => sample[name];

const CHARTS = [
  {
    title: "Requests",
    unit: "per second",
    text: countText,
    least: 3,
    series: [
      { name: "All", tone: "teal", of: perSecond("requests") },
      { name: "Refused", tone: "amber", isSeldom: true, of: perSecond("refused") },
      { name: "Failed", tone: "red", isSeldom: true, of: perSecond("failed") },
    ],
  },
  {
    title: "Latency",
    unit: "of operations",
    text: millisecondsText,
    least: 3,
    series: [
      { name: "p50", tone: "teal", of: value("p50Ms") },
      { name: "p95", tone: "violet", of: value("p95Ms") },
      { name: "p99", tone: "rose", of: value("p99Ms") },
    ],
  },
  {
    title: "Cache",
    unit: "per second",
    text: countText,
    least: 3,
    kind: "bands",
    series: [
      { name: "Hits", tone: "teal", of: perSecond("hits") },
      { name: "Misses", tone: "amber", of: perSecond("misses") },
      { name: "Bypasses", tone: "slate", of: perSecond("bypasses") },
    ],
  },
  {
    title: "Connections",
    unit: "to PostgreSQL",
    text: countText,
    whole: true,
    series: [
      { name: "In use", tone: "teal", of: value("poolInUse") },
      { name: "Waiting", tone: "red", isSeldom: true, of: value("poolWaiting") },
      { name: "Pool", tone: "slate", of: value("poolSize"), isLimit: true },
    ],
  },
  {
    title: "Jobs",
    unit: "failed ones of a day",
    text: countText,
    least: 3,
    whole: true,
    isOfJobs: true,
    series: [
      { name: "Waiting", tone: "amber", isSeldom: true, of: value("queued") },
      { name: "Running", tone: "teal", of: value("running") },
      { name: "Failed", tone: "red", isSeldom: true, of: value("failed") },
      { name: "Workers", tone: "slate", of: value("workers"), isLimit: true },
    ],
  },
  { title: "Event loop", unit: "late by at most", text: millisecondsText, least: 6, series: [{ name: "Lag", tone: "violet", of: value("lagMs") }] },
  { title: "CPU", unit: "of one core", text: shareText, least: 0.3, series: [{ name: "In use", tone: "teal", of: value("cpuCores") }] },
  { title: "Memory", unit: "resident", text: memoryText, least: 3e7, series: [{ name: "In use", tone: "violet", of: value("memoryBytes") }] },
];

export class Charts {
  #charts;

  constructor(place) {
    this.#charts = CHARTS.map((each) => ({ chart: new Chart({ ...each, onCursor: (at, by) => this.#point(at, by) }), isOfJobs: each.isOfJobs }));
    place.replaceChildren(...this.#charts.map(({ chart }) => chart.node));
  }

  /** Shows what is known, up to the newest sample. */
  show({ samples, jobs, seconds }) {
    const to = samples.at(-1)?.at ?? Date.now() / 1000;
    for (const { chart, isOfJobs } of this.#charts) chart.show(isOfJobs ? jobs : samples, { from: to - seconds, to });
  }

  /** Has all charts read the same moment; the one that the keyboard moved says what it reads. */
  #point(at, by = null) {
    for (const { chart } of this.#charts) chart.point(at);
    byId("reading").textContent = by ? by.reading() : "";
  }
}
