// The explorer page: connects editors, result, documentation and history, and sends the requests.

import { CodeEditor } from "./code-editor.js";
import { complete } from "./completion.js";
import { Docs } from "./docs.js";
import { byId, tabs } from "./dom.js";
import { keepDraft, recallDraft } from "./drafts.js";
import { operationAt, operations } from "./graphql-document.js";
import { format } from "./graphql-format.js";
import { colored } from "./graphql-lexer.js";
import { readJsonObject, tokenizeJson } from "./json-lexer.js";
import { ResultPane } from "./result-pane.js";
import { RunHistory } from "./run-history.js";
import { Schema, introspectionRequest } from "./schema.js";
import { requestHeaders } from "./session.js";
import { Session } from "./sign-in.js";
import { splitter } from "./splitter.js";
import { keep, recall } from "./storage.js";
import { send, subscribe } from "./transport.js";

const ENDPOINT = "/graphql";
const EXAMPLE = `# The five newest contacts.
query NewestContacts {
  contacts(first: 5) {
    nodes {
      id
      fullName
      title
      company {
        name
        domain
      }
      emails {
        address
        isPrimary
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    totalCount
  }
}`;

const runButton = byId("run");
const panes = byId("panes");
const state = { schema: null, running: null };
const session = new Session({ field: byId("token"), button: byId("sign-in"), onChange: loadSchema });

const query = new CodeEditor(byId("query-editor"), {
  label: "Query",
  placeholder: "# Write a query",
  tokens: colored,
  complete: (text, cursor) => (state.schema ? complete(text, cursor, state.schema) : { items: [] }),
  onChange: () => {
    keepDraftOfNow();
    nameRun();
  },
  onRun: run,
});
const variables = jsonEditor("variables", {
  name: "Variables",
  placeholder: "Values for the query’s $variables, as JSON",
  onChange: keepDraftOfNow,
});
const headers = jsonEditor("headers", {
  name: "Headers",
  placeholder: "Headers to send along, as JSON",
  // They can carry secrets, so they go with the tab like the token.
  onChange: (text) => keep("sessionStorage", "headers", text),
});

const selectInput = tabs(byId("input-tabs"));
const selectSide = tabs(byId("side-tabs"));
const docs = new Docs({ page: byId("docs-page"), search: byId("docs-search"), back: byId("docs-back") });
const runs = new RunHistory(byId("history-panel"), { onPick: restore });
const result = new ResultPane({
  meta: byId("result-meta"),
  body: byId("result-body"),
  copy: byId("copy"),
  onTokenWanted: () => session.panel.open(),
});

/** An editor for a JSON object that says what is wrong with it below. */
function jsonEditor(id, { name, placeholder, onChange }) {
  const mistake = byId(`${id}-mistake`);
  return new CodeEditor(byId(`${id}-editor`), {
    label: `${name} (JSON)`,
    placeholder,
    tokens: tokenizeJson,
    onChange: (text) => {
      onChange(text);
      mistake.textContent = mistakeIn(text, name);
    },
    onRun: run,
  });
}

function keepDraftOfNow() {
  keepDraft({ query: query.value, variables: variables.value });
}

function mistakeIn(text, name) {
  try {
    readJsonObject(text, name);
    return "";
  } catch (mistake) {
    return mistake.message;
  }
}

/** Runs the operation at the cursor; while one runs, stops it. */
async function run() {
  if (state.running) {
    state.running.abort();
    return;
  }
  const operation = operationAt(query.value, query.cursor);
  const prepared = prepare(operation);
  if (!prepared) return;
  state.running = new AbortController();
  runs.add({ query: query.value, variables: variables.value, name: operation?.name ?? null });
  query.markLines(new Set());
  showView("result");
  result.wait();
  nameRun();
  try {
    await exchange(operation, prepared);
  } catch (failure) {
    explainFailure(failure);
  } finally {
    state.running = null;
    nameRun();
  }
}

/** The request and headers as written, or null after saying which of them cannot be read. */
function prepare(operation) {
  let panel = "tab-variables";
  try {
    const values = readJsonObject(variables.value, "Variables");
    panel = "tab-headers";
    const written = readJsonObject(headers.value, "Headers");
    const request = { query: query.value, operationName: operation?.name ?? undefined, variables: values };
    return { request, written };
  } catch (mistake) {
    selectInput(panel);
    showView("result");
    result.fail("Nothing was sent", mistake.message);
    return null;
  }
}

async function exchange(operation, { request, written }) {
  const { signal } = state.running;
  const options = () => ({ headers: requestHeaders(written, session.token), signal });
  if (operation?.kind !== "subscription") {
    showAnswer(await session.answer(() => send(ENDPOINT, request, options())));
    return;
  }
  let count = 0;
  await subscribe(ENDPOINT, request, { ...options(), onEvent: (answer) => showAnswer(answer, (count += 1)) });
}

function showAnswer(answer, count = null) {
  result.show(answer, count);
  const errors = Array.isArray(answer.body?.errors) ? answer.body.errors : [];
  query.markLines(new Set(errors.flatMap((error) => error?.locations ?? []).map(({ line }) => line)));
}

function explainFailure(failure) {
  if (failure.name !== "AbortError") result.fail("No answer", `The server could not be reached: ${failure.message}`);
  else if (!result.text) result.fail("Stopped", "The request was stopped before an answer came.");
}

/** Names the run button after what it would do. */
function nameRun() {
  const several = operations(query.value).length > 1;
  const name = several ? operationAt(query.value, query.cursor)?.name : null;
  runButton.textContent = state.running ? "Stop" : `Run${name ? ` ${name}` : ""}`;
  runButton.classList.toggle("is-running", Boolean(state.running));
}

/** Loads the schema for completion and documentation; without it the page still runs queries. */
async function loadSchema() {
  sayState("Loading the schema…", "");
  try {
    const ask = () => send(ENDPOINT, introspectionRequest, { headers: requestHeaders({}, session.token) });
    const { status, body } = await session.answer(ask);
    const introspection = body?.data?.__schema;
    if (!introspection) throw new Error(body?.errors?.[0]?.message ?? `the server answered ${status}`);
    state.schema = new Schema(introspection);
    docs.open(state.schema);
    sayState(`${state.schema.ownTypes.length} types`, "is-good");
  } catch (failure) {
    state.schema = null;
    docs.explain("The schema could not be read, so there are no suggestions and no documentation. Queries can be run as usual.", `Reason: ${failure.message}`);
    sayState("No schema: suggestions are off", "is-bad");
  }
}

function sayState(sentence, mood) {
  const place = byId("schema-state");
  place.textContent = sentence;
  place.className = `schema-state ${mood}`;
}

function restore(entry) {
  write(entry);
  showView("query");
  query.focus();
}

function write(draft) {
  query.value = draft.query;
  variables.value = draft.variables;
}

/** On a narrow screen, brings one of the views to the front. */
function showView(name) {
  document.body.dataset.view = name;
  for (const button of byId("views").children) button.setAttribute("aria-pressed", String(button.dataset.view === name));
}

function showSide(open) {
  panes.classList.toggle("is-side-closed", !open);
  byId("side-toggle").setAttribute("aria-expanded", String(open));
  keep("localStorage", "side", open);
}

function connect() {
  runButton.addEventListener("click", run);
  byId("prettify").addEventListener("click", () => {
    query.focus();
    query.value = format(query.value);
  });
  for (const event of ["keyup", "click"]) query.input.addEventListener(event, nameRun);
  byId("views").addEventListener("click", (event) => event.target.dataset.view && showView(event.target.dataset.view));
  byId("side-toggle").addEventListener("click", () => showSide(panes.classList.contains("is-side-closed")));
}

function arrange() {
  const inputs = byId("inputs");
  splitter(byId("split-request"), { root: panes, pane: byId("request"), variable: "--request", grows: 1, minimum: 260 });
  splitter(byId("split-side"), { root: panes, pane: byId("side"), variable: "--side", grows: -1, minimum: 240 });
  splitter(byId("split-inputs"), { root: byId("request"), pane: inputs, variable: "--inputs", grows: -1, minimum: 80 });
  selectInput("tab-variables");
  selectSide("tab-docs");
  showSide(recall("localStorage", "side", true));
}

connect();
arrange();
write(recallDraft(EXAMPLE));
headers.value = recall("sessionStorage", "headers", "");
loadSchema();
