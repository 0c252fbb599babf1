// What became of an import: its counters, the rows that were not taken, and its undoing.

import { byId, element } from "./dom.js";
import { followJob, hasEnded } from "./imports-follow.js";
import { ImportProblems } from "./imports-problems.js";
import { showProgress } from "./imports-progress.js";
import { numberText, plural } from "./imports-text.js";

const COUNTERS = [
  ["createdCount", "created", "is-good"],
  ["updatedCount", "updated", "is-good"],
  ["unchangedCount", "unchanged", ""],
  ["skippedCount", "skipped", ""],
  ["failedCount", "failed", "is-bad"],
  ["warningCount", "with warnings", "is-warn"],
  ["companiesCount", "companies filled", ""],
];

/** Follows one import at a time and shows it; `onNext` is called for another file. */
export class ImportResult {
  constructor({ api, onNext, onTrouble }) {
    Object.assign(this, { api, onTrouble });
    this.watching = null;
    this.problems = new ImportProblems(byId("job-problems"), { api, onTrouble });
    byId("job-cancel").addEventListener("click", () => this.#tried(() => this.api.cancel(this.followed)));
    byId("undo").addEventListener("click", () => this.#tried(() => this.#undo()));
    byId("rejects").addEventListener("click", () => this.#tried(() => this.#downloadRejects()));
    byId("next-import").addEventListener("click", onNext);
  }

  /** Follows an import to its end. */
  async open(id) {
    this.close();
    this.id = id;
    byId("job-step").hidden = false;
    byId("job-heading").focus();
    await this.#tried(async () => {
      const job = await this.#follow(id, (news) => this.#show(news));
      await this.#ended(job);
    });
  }

  /** Stops following; the import itself goes on. */
  close() {
    this.watching?.abort();
    this.problems.clear();
    byId("job-step").hidden = true;
    byId("after").hidden = true;
    byId("counters").replaceChildren();
    say("");
  }

  async #follow(id, onJob) {
    this.watching?.abort();
    this.watching = new AbortController();
    this.followed = id;
    return followJob(this.api, id, { onJob, signal: this.watching.signal });
  }

  #show(job) {
    showProgress(job);
    const counted = COUNTERS.filter(([name]) => Number(job[name]) > 0 || name === "createdCount");
    byId("counters").replaceChildren(...counted.map(([name, word, mood]) => counter(job[name] ?? 0, word, mood)));
  }

  async #ended(job) {
    byId("rejects").hidden = !job.rejectFileUrl;
    byId("undo").hidden = !canUndo(job);
    byId("after").hidden = false;
    if (job.undoneAt) say("It was undone.");
    await this.problems.open(job.id);
  }

  /** The address is asked for when it is wanted: it does not last as long as the page. */
  async #downloadRejects() {
    const { rejectFileUrl } = await this.api.job(this.id);
    element("a", { href: rejectFileUrl, download: true }).click();
  }

  async #undo() {
    byId("undo").hidden = true;
    say("Undoing…");
    const { id } = await this.api.undo(this.id);
    const undo = await this.#follow(id, showProgress);
    say(undoText(undo));
    await this.problems.open(id);
  }

  /** Does something and tells what went wrong with it. */
  async #tried(action) {
    this.onTrouble(null);
    try {
      await action();
    } catch (failure) {
      if (failure.name !== "AbortError") this.onTrouble(failure);
    }
  }
}

function counter(count, word, mood) {
  return element("div", { class: mood && Number(count) ? mood : "" }, element("dt", {}, word), element("dd", {}, numberText(count)));
}

function canUndo(job) {
  const wrote = Number(job.createdCount) + Number(job.updatedCount) + Number(job.companiesCount ?? 0) > 0;
  return hasEnded(job) && wrote && !job.dryRun && !job.undoneAt;
}

function undoText({ status, removedCount, restoredCount, undoSkipped }) {
  if (!status.startsWith("COMPLETED")) return "Not all of it was undone.";
  const kept = Number(undoSkipped) ? `; ${plural(undoSkipped, "record")} stayed, changed since` : "";
  return `Undone: ${plural(removedCount, "record")} removed, ${numberText(restoredCount)} as before${kept}.`;
}

function say(sentence) {
  byId("undo-state").textContent = sentence;
}
