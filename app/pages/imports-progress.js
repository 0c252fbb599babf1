// The last step while it runs: a bar, how fast it goes, how long it will take.

import { byId } from "./dom.js";
import { hasEnded } from "./imports-follow.js";
import { durationText, numberText, percentText, plural } from "./imports-text.js";

const STATES = {
  QUEUED: "Waiting for a worker",
  RUNNING: "Running",
  CANCELING: "Stopping",
  COMPLETED: "Done",
  COMPLETED_WITH_ERRORS: "Done, with errors",
  FAILED: "Failed",
  CANCELLED: "Stopped",
};

/** Shows how an import, or its undoing, stands. */
export function showProgress(job) {
  const isUndo = job.__typename === "ImportUndoJob";
  say("job-heading", headingOf(job, isUndo));
  say("job-state", STATES[job.status] ?? job.status);
  byId("job-state").className = moodOf(job);
  byId("job-bar").value = job.progress;
  say("job-numbers", isUndo ? percentText(job.progress) : `${plural(job.processedRows ?? 0, "row")} · ${percentText(job.progress)}`);
  say("job-pace", paceOf(job));
  byId("job-cancel").hidden = !job.canCancel;
  byId("job-error").hidden = !job.error;
  say("job-error", job.error?.message ?? "");
}

function headingOf({ filename, dryRun }, isUndo) {
  if (isUndo) return "Undoing the import";
  return `${dryRun ? "Trying" : "Importing"} ${filename}`;
}

/** How fast it goes and when it ends; of one that has ended, how long it took. */
function paceOf(job) {
  const rate = job.rowsPerSecond ? `${numberText(Math.round(job.rowsPerSecond))} rows/s` : null;
  if (hasEnded(job)) return [tookOf(job), rate].filter(Boolean).join(" · ");
  const left = job.estimatedCompletion ? (new Date(job.estimatedCompletion) - Date.now()) / 1000 : null;
  return [rate, left === null ? null : `about ${durationText(left)} left`].filter(Boolean).join(" · ");
}

function tookOf({ startedAt, finishedAt }) {
  return startedAt ? `It took ${durationText((new Date(finishedAt) - new Date(startedAt)) / 1000)}` : null;
}

function moodOf(job) {
  if (!hasEnded(job)) return "";
  return { COMPLETED: "is-good", COMPLETED_WITH_ERRORS: "is-warn" }[job.status] ?? "is-bad";
}

/** Writes only what is new, so that a live region is not read out again. */
function say(id, text) {
  const place = byId(id);
  if (place.textContent !== text) place.textContent = text;
}
