// What the page asks the server in GraphQL. A refusal is thrown in the server's own words.

import { requestHeaders } from "./session.js";
import { send, subscribe } from "./transport.js";

const ENDPOINT = "/graphql";
const PAGE_ROWS = 25;

const VIEWER = "query ImportViewer { viewer { email role } }";

const CREATE_UPLOAD = `mutation NewUpload($input: CreateUploadInput!) {
  createUpload(input: $input) {
    upload { id url chunkBytes }
    userErrors { code message path }
  }
}`;

const PREVIEW = `mutation PreviewImport($input: PreviewImportInput!) {
  previewImport(input: $input) {
    preview {
      entity encoding delimiter headerLine vendor rowsRead estimatedRows fields
      columns { index header field score reason samples }
      problems { line column field code message raw suggestion severity }
    }
    userErrors { code message path }
  }
}`;

const STANDING = `fragment Standing on Job {
  __typename id status progress done total canCancel startedAt finishedAt
  error { code message }
  ... on ImportJob {
    entity filename dryRun vendor totalRows processedRows rowsPerSecond estimatedCompletion
    createdCount updatedCount unchangedCount skippedCount duplicateCount failedCount warningCount companiesCount
    rejectFileUrl undoneAt
  }
  ... on ImportUndoJob { removedCount restoredCount undoSkipped: skippedCount }
}`;

const CREATE_IMPORT = `mutation StartImport($input: CreateImportInput!) {
  createImport(input: $input) {
    alreadyImported
    job { id }
    userErrors { code message path }
  }
}`;

const UNDO = `mutation UndoImport($input: UndoImportInput!) {
  undoImport(input: $input) {
    job { id }
    userErrors { code message path }
  }
}`;

const CANCEL = `mutation StopImport($input: CancelJobInput!) {
  cancelJob(input: $input) {
    userErrors { code message path }
  }
}`;

const JOB = `query ImportStanding($id: ID!) { job(id: $id) { ...Standing } } ${STANDING}`;
const FOLLOW = `subscription FollowImport($id: ID!) { jobProgress(id: $id) { ...Standing } } ${STANDING}`;

const PROBLEMS = `query ImportProblems($id: ID!, $first: Int!, $after: String) {
  importErrors(importId: $id, first: $first, after: $after) {
    nodes { line column field code message raw suggestion severity }
    pageInfo { hasNextPage endCursor }
  }
}`;

/** What the server does not do; its message is for people. */
export class Refusal extends Error {
  constructor(message, { code = null, status = 0 } = {}) {
    super(message);
    this.name = "Refusal";
    this.code = code;
    this.status = status;
  }

  /** Whether another token is what it takes. */
  get isAboutToken() {
    return this.status === 401 || this.code === "UNAUTHENTICATED";
  }
}

/** No answer came: the network or the server is away. */
export class Disconnected extends Error {
  constructor() {
    super("The server cannot be reached.");
    this.name = "Disconnected";
  }
}

/** The questions of the page, asked by whoever the session is of. */
export class ImportsApi {
  constructor(session) {
    this.session = session;
  }

  /** The headers that say who asks. */
  get headers() {
    return requestHeaders({}, this.session.token);
  }

  /** Who the token is of: `{ email, role }`. */
  async viewer() {
    return (await this.#ask(VIEWER, {})).viewer;
  }

  /** A place for a file to be sent to: `{ id, url, chunkBytes }`. */
  async createUpload(input) {
    return (await this.#change(CREATE_UPLOAD, "createUpload", input)).upload;
  }

  /** How the file would be read. */
  async preview(input, signal) {
    return (await this.#change(PREVIEW, "previewImport", input, signal)).preview;
  }

  /** An import of the file, or the one that did the same before: `{ job, alreadyImported }`. */
  createImport(input) {
    return this.#change(CREATE_IMPORT, "createImport", input);
  }

  /** The job that takes an import back. */
  async undo(id) {
    return (await this.#change(UNDO, "undoImport", { id })).job;
  }

  async cancel(id) {
    await this.#change(CANCEL, "cancelJob", { id });
  }

  /** How a job stands; null when there is none. */
  async job(id, signal) {
    return (await this.#ask(JOB, { id }, signal)).job;
  }

  /** Tells how a job stands, whenever it got on, until the stream ends. */
  async follow(id, { onJob, signal }) {
    const onEvent = (answer) => onJob(dataOf(answer).jobProgress);
    await connected(subscribe(ENDPOINT, { query: FOLLOW, variables: { id } }, { headers: this.headers, signal, onEvent }));
  }

  /** A page of what an import tells about its rows. */
  async problems(id, after) {
    return (await this.#ask(PROBLEMS, { id, first: PAGE_ROWS, after })).importErrors;
  }

  async #ask(query, variables, signal) {
    const ask = () => connected(send(ENDPOINT, { query, variables }, { headers: this.headers, signal }));
    return dataOf(await this.session.answer(ask));
  }

  async #change(query, name, input, signal) {
    const payload = (await this.#ask(query, { input }, signal))[name];
    const [first] = payload.userErrors;
    if (first) throw new Refusal(payload.userErrors.map(({ message }) => message).join(" "), first);
    return payload;
  }
}

/** What `fetch` throws when there is no answer is a TypeError, by the standard. */
async function connected(exchange) {
  try {
    return await exchange;
  } catch (failure) {
    throw failure instanceof TypeError ? new Disconnected() : failure;
  }
}

function dataOf({ status, statusText, body }) {
  const error = body?.errors?.[0];
  if (error) throw new Refusal(error.message, { code: error.extensions?.code, status });
  if (!body?.data) throw new Refusal(`The server answered ${status} ${statusText}`.trim(), { status });
  return body.data;
}
