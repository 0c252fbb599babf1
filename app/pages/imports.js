// The page that imports a file: connects its steps. What was decided is kept in the steps, where one is in the address.

import { byId } from "./dom.js";
import { ImportsApi } from "./imports-api.js";
import { FileStep } from "./imports-file.js";
import { MappingStep } from "./imports-mapping.js";
import { OptionsStep } from "./imports-options.js";
import { ImportResult } from "./imports-result.js";
import { Session } from "./sign-in.js";

const start = byId("start");
const again = byId("start-again");
const session = new Session({ field: byId("token"), button: byId("sign-in"), onChange: greet });
const api = new ImportsApi(session);
const state = { file: null, asking: null, found: null };

const mapping = new MappingStep({ onChange: preview });
const options = new OptionsStep({ onChange: preview });
const result = new ImportResult({ api, onNext: another, onTrouble: tellTrouble });
const fileStep = new FileStep({ api, onWhole: arrived, onLeft: closeSteps, onTrouble: tellTrouble });

function arrived(file) {
  state.file = file;
  mapping.clear();
  options.showFor(file.entity);
  preview({ isFirst: true });
}

/** Asks how the file would be read with what is chosen now; only the newest answer is shown. */
async function preview({ isFirst = false } = {}) {
  state.asking?.abort();
  const { signal } = (state.asking = new AbortController());
  offerFound(null);
  start.disabled = true;
  byId("mapping-step").setAttribute("aria-busy", "true");
  try {
    const found = await api.preview(request(), signal);
    mapping.show(found);
    showSteps(true);
    start.disabled = false;
    tellTrouble(null);
    if (isFirst) byId("mapping-heading").focus();
  } catch (failure) {
    if (!signal.aborted) tellTrouble(failure);
  } finally {
    if (!signal.aborted) byId("mapping-step").removeAttribute("aria-busy");
  }
}

function request() {
  const { id: uploadId, entity } = state.file;
  return { uploadId, entity, mapping: mapping.mapping, options: options.options };
}

/** Starts the import; one that did the same before is offered instead. */
async function startImport({ force = false } = {}) {
  for (const button of [start, again]) button.disabled = true;
  tellTrouble(null);
  try {
    const { job, alreadyImported } = await api.createImport({ ...request(), force });
    if (alreadyImported) offerFound(job.id);
    else follow(job.id);
  } catch (failure) {
    tellTrouble(failure);
    start.disabled = false;
  } finally {
    again.disabled = false;
  }
}

/** Says that this was imported before, and lets people choose. */
function offerFound(id) {
  state.found = id;
  byId("start-state").textContent = id ? "This file was imported already, in the same way." : "";
  for (const button of [again, byId("show-first")]) button.hidden = !id;
  start.hidden = Boolean(id);
  if (id) byId("show-first").focus();
}

function follow(id) {
  showSteps(false);
  byId("file-step").hidden = true;
  history.replaceState(null, "", `?import=${encodeURIComponent(id)}`);
  result.open(id);
}

function another() {
  history.replaceState(null, "", location.pathname);
  result.close();
  byId("file-step").hidden = false;
  fileStep.leave();
}

function closeSteps() {
  state.asking?.abort();
  state.file = null;
  offerFound(null);
  showSteps(false);
  tellTrouble(null);
}

function showSteps(isShown) {
  for (const name of ["mapping-step", "options-step"]) byId(name).hidden = !isShown;
}

/** Says what went wrong; null when nothing is any more. */
function tellTrouble(failure) {
  const place = byId("trouble");
  place.hidden = !failure;
  place.textContent = failure?.message ?? "";
  if (!failure) return;
  if (failure.isAboutToken) session.button.focus();
  place.scrollIntoView({ block: "nearest" });
}

/** Tells whose token it is; without one nothing on the page works, so what gets one has the focus. */
async function greet() {
  if (!session.token.trim()) {
    sayAccount("Sign in, or enter a token, to begin", "");
    session.button.focus();
    return;
  }
  try {
    const { email, role } = await api.viewer();
    sayAccount(`${email} · ${role.toLowerCase()}`, "is-good");
    tellTrouble(null);
  } catch (failure) {
    sayAccount("Not signed in", "is-bad");
    tellTrouble(failure);
  }
}

function sayAccount(sentence, mood) {
  const place = byId("account");
  place.textContent = sentence;
  place.className = `schema-state ${mood}`;
}

function connect() {
  start.addEventListener("click", () => startImport());
  again.addEventListener("click", () => startImport({ force: true }));
  byId("show-first").addEventListener("click", () => follow(state.found));
}

connect();
await greet();
const running = new URLSearchParams(location.search).get("import");
if (running) follow(running);
