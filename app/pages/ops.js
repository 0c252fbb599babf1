// The page of operators: connects what the server tells with what is shown of it.

import { byId, element } from "./dom.js";
import { Charts } from "./ops-charts.js";
import { Feed } from "./ops-feed.js";
import { ALL, History } from "./ops-history.js";
import { StatementTable } from "./ops-statements.js";
import { clockText } from "./ops-text.js";
import { showTiles } from "./ops-tiles.js";
import { Session } from "./sign-in.js";

const choice = { process: ALL, seconds: 300, isPaused: false };
const history = new History();
const charts = new Charts(byId("charts"));
const table = new StatementTable();
const session = new Session({ field: byId("token"), button: byId("sign-in"), onChange: begin });
const feed = new Feed({ session, since: () => history.since, onAnswer: take, onTrouble: tellTrouble });

function take(answer) {
  history.take(answer);
  tellTrouble(null);
  say(stateOf(answer));
  offerProcesses(answer.processes);
  show();
}

function show() {
  const { process, seconds } = choice;
  const samples = history.samples(process);
  const { jobs, latestJobs, health, processes, now } = history;
  charts.show({ samples, jobs, seconds });
  table.show(history.statements(process), now);
  const shown = process === ALL ? processes : processes.filter((each) => each.number === process);
  showTiles(byId("tiles"), { samples, jobs: latestJobs, health, processes: shown, now });
}

/** What the server says of itself, in a sentence that changes only when that does. */
function stateOf({ health, processes }) {
  if (processes.every((process) => process.isDraining)) return ["Live · the server is being stopped", "is-bad"];
  if (health.status === "unavailable") return ["Live · the server is not ready", "is-bad"];
  return ["Live", "is-good"];
}

/** Says what is wrong; null when nothing is any more. */
function tellTrouble(failure) {
  const place = byId("trouble");
  place.hidden = !failure;
  document.body.classList.toggle("is-stale", Boolean(failure));
  if (!failure) return;
  if (place.textContent !== failure.message) place.textContent = failure.message;
  const newest = history.samples(ALL).at(-1);
  say([failure.isAboutToken ? "Not signed in" : `Away${newest ? ` since ${clockText(newest.at)}` : ""}`, "is-bad"]);
}

function say([sentence, mood]) {
  const place = byId("state");
  if (place.textContent !== sentence) place.textContent = sentence;
  place.className = `schema-state ${mood}`;
}

/** Lets one of several processes be chosen. */
function offerProcesses(processes) {
  const select = byId("process");
  const numbers = [ALL, ...processes.map((process) => process.number)].join();
  byId("which").hidden = processes.length < 2;
  if (select.dataset.numbers === numbers) return;
  select.dataset.numbers = numbers;
  const options = processes.map(({ number, pid }) => element("option", { value: number }, `${number} · pid ${pid}`));
  select.replaceChildren(element("option", { value: ALL }, "All together"), ...options);
  if (!processes.some((process) => process.number === choice.process)) choice.process = ALL;
  select.value = String(choice.process);
}

/** Begins anew with another token. */
function begin() {
  if (!choice.isPaused) feed.start();
}

function pause(isPaused) {
  choice.isPaused = isPaused;
  const button = byId("pause");
  button.setAttribute("aria-pressed", String(isPaused));
  button.textContent = isPaused ? "Go on" : "Pause";
  if (isPaused) {
    feed.stop();
    say([`Paused at ${clockText(Date.now() / 1000)}`, ""]);
  } else feed.start();
}

function choose(button) {
  choice.seconds = Number(button.dataset.seconds);
  for (const each of byId("spans").children) each.setAttribute("aria-pressed", String(each === button));
  show();
}

function connect() {
  byId("pause").addEventListener("click", () => pause(!choice.isPaused));
  byId("spans").addEventListener("click", (event) => event.target.dataset.seconds && choose(event.target));
  byId("process").addEventListener("change", (event) => {
    choice.process = event.target.value === ALL ? ALL : Number(event.target.value);
    show();
  });
  // What nobody sees is not asked for; the server has the last five minutes when somebody does.
  document.addEventListener("visibilitychange", () => {
    if (!choice.isPaused) document.hidden ? feed.stop() : feed.start();
  });
}

connect();
feed.start();
