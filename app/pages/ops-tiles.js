// The numbers of now, each with what is to be thought of it.

import { element } from "./dom.js";
import { durationText, plural } from "./imports-text.js";
import { UNKNOWN, countText, memoryText, millisecondsText, shareText, spanText } from "./ops-text.js";

const NOW_SECONDS = 5; // One second alone would jump too much to be read.
const MOODS = { good: "good", warn: "look at it", bad: "bad" };
const STATES = { ok: ["Ready", "good"], degraded: ["Degraded", "warn"], draining: ["Stopping", "warn"], unavailable: ["Not ready", "bad"] };

/** Fills the tiles from samples, the newest last, and from what is known of jobs and health. */
export function showTiles(place, { samples, jobs, health, processes, now }) {
  const last = samples.slice(-NOW_SECONDS);
  const tiles = [serverTile(health, processes, now)];
  if (last.length) tiles.push(...sampleTiles(last), jobsTile(jobs));
  fill(place, tiles);
}

function sampleTiles(last) {
  return [requestsTile(last), latencyTile(last), cacheTile(last), poolTile(last), loopTile(last), processTile(last)];
}

function serverTile(health, processes, now) {
  const leaving = processes.filter((process) => process.isDraining).length;
  const [value, mood] = STATES[stateOf(health, { leaving, of: processes.length })] ?? [UNKNOWN, ""];
  const problems = Object.values(health?.checks ?? {}).filter((check) => check !== "ok");
  const up = processes.length ? `up ${spanText(now - Math.min(...processes.map((each) => each.startedAt)))}` : "";
  const about = [processes.length === 1 ? "" : `${countText(processes.length)} processes`, leaving && leaving < processes.length ? `${leaving} stopping` : "", up];
  return { name: "Server", value, mood, note: problems.length ? problems.join(" ") : about.filter(Boolean).join(" · ") };
}

/** What all are; the one that tells of its health may be the only one that leaves. */
function stateOf(health, { leaving, of }) {
  if (leaving === of) return "draining";
  return health?.status === "draining" ? "degraded" : health?.status;
}

function requestsTile(last) {
  const failed = rate(last, "failed");
  const refused = rate(last, "refused");
  const all = rate(last, "requests");
  const mood = failed > all / 100 ? "bad" : failed ? "warn" : "good";
  return { name: "Requests", value: countText(all), unit: "/s", mood, note: `${countText(failed)} failed · ${countText(refused)} refused` };
}

function latencyTile(last) {
  const [p50, p95, p99] = ["p50Ms", "p95Ms", "p99Ms"].map((name) => mean(last, name));
  const mood = p95 === null ? "" : p95 > 2000 ? "bad" : p95 > 500 ? "warn" : "good";
  return { name: "Latency, p95", value: millisecondsText(p95), mood, note: `p50 ${millisecondsText(p50)} · p99 ${millisecondsText(p99)}` };
}

function cacheTile(last) {
  const [hits, misses, bypasses] = ["hits", "misses", "bypasses"].map((name) => rate(last, name));
  const asked = hits + misses;
  const share = asked ? hits / asked : null;
  const mood = bypasses > asked ? "warn" : share === null ? "" : share < 0.5 ? "warn" : "good";
  const note = bypasses ? `${countText(bypasses)} past it /s` : `${countText(asked)} asked /s`;
  return { name: "Cache hits", value: shareText(share), mood, note };
}

function poolTile(last) {
  const { poolSize: size, poolMost: most, poolWaitMs: wait } = last.at(-1);
  const used = Math.max(...last.map((sample) => sample.poolInUse));
  const waiting = Math.max(...last.map((sample) => sample.poolWaiting));
  const mood = used > most * 0.95 ? "bad" : used >= most * 0.8 || waiting ? "warn" : "good";
  const note = waiting ? `${countText(waiting)} waiting, up to ${millisecondsText(wait)}` : `at most ${countText(most)} · waits ${wait ? `up to ${millisecondsText(wait)}` : "none"}`;
  return { name: "Connections", value: countText(used), unit: `of ${countText(size)}`, mood, note };
}

function jobsTile(jobs) {
  if (!jobs) return { name: "Jobs", value: UNKNOWN, mood: "", note: "PostgreSQL does not tell" };
  const sum = (name) => jobs.kinds.reduce((total, kind) => total + kind[name], 0);
  const oldest = jobs.oldestWaitingSeconds;
  const mood = oldest !== null && !jobs.workers ? "bad" : oldest > 60 || sum("failed") ? "warn" : "good";
  const note = [plural(jobs.workers, "worker"), `${countText(sum("queued"))} waiting${oldest === null ? "" : ` ${durationText(oldest)}`}`, sum("failed") ? `${countText(sum("failed"))} failed today` : ""];
  return { name: "Jobs", value: countText(sum("running")), unit: "running", mood, note: note.filter(Boolean).join(" · ") };
}

function loopTile(last) {
  const lag = Math.max(...last.map((sample) => sample.lagMs));
  return { name: "Event loop", value: millisecondsText(lag), mood: lag > 500 ? "bad" : lag > 100 ? "warn" : "good", note: "late, at most" };
}

function processTile(last) {
  const { memoryBytes, streams } = last.at(-1);
  const cores = mean(last, "cpuCores");
  return { name: "CPU, of one core", value: shareText(cores), mood: "", note: `${memoryText(memoryBytes)} · ${plural(streams, "stream")} open` };
}

/** How many a second, in these seconds. */
function rate(samples, name) {
  const seconds = samples.reduce((sum, sample) => sum + sample.seconds, 0);
  return samples.reduce((sum, sample) => sum + sample[name], 0) / seconds;
}

function mean(samples, name) {
  const known = samples.map((sample) => sample[name]).filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

function fill(place, tiles) {
  while (place.children.length > tiles.length) place.lastElementChild.remove();
  tiles.forEach((tile, at) => {
    const node = place.children[at] ?? place.appendChild(emptyTile());
    const [name, value, note] = node.children;
    node.className = `tile${tile.mood ? ` is-${tile.mood}` : ""}`;
    name.textContent = tile.name;
    const words = tile.mood && tile.mood !== "good" ? element("span", { class: "unseen" }, ` (${MOODS[tile.mood]})`) : "";
    value.replaceChildren(tile.value, ...(tile.unit ? [" ", element("small", {}, tile.unit)] : []), words);
    note.textContent = tile.note;
  });
}

function emptyTile() {
  return element("div", { class: "tile" }, element("dt"), element("dd", { class: "value" }), element("dd", { class: "note" }));
}
