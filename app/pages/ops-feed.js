// Asks the server how it does, again and again, and says when it does not tell.

import { requestHeaders } from "./session.js";

const PATH = "/ops/vitals";
const PATIENCE_SECONDS = 4;
const PAUSE_SECONDS = 1;
const AFTER_THE_SECOND = 0.25; // Samples are taken when a second is over, and a moment after.

/** Why nothing is shown; `isAboutToken` when another token may help, and only that. */
export class Trouble extends Error {
  constructor(message, { isAboutToken = false } = {}) {
    super(message);
    this.isAboutToken = isAboutToken;
  }
}

/** Asks each second while it is wanted: `onAnswer` is told answers, `onTrouble` why there is none. */
export class Feed {
  #isWanted = false;
  #timer = null;
  #asking = null;

  constructor({ session, since, onAnswer, onTrouble }) {
    Object.assign(this, { session, since, onAnswer, onTrouble });
  }

  /** Asks now, and from now on. */
  start() {
    this.stop();
    this.#isWanted = true;
    this.#ask();
  }

  /** Asks no more. */
  stop() {
    this.#isWanted = false;
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  async #ask() {
    const asking = (this.#asking = new AbortController());
    let pause = PAUSE_SECONDS;
    try {
      const answer = await this.#answer(asking.signal);
      if (asking.signal.aborted) return;
      this.onAnswer(answer);
      pause = 1 + AFTER_THE_SECOND - (answer.now % 1);
    } catch (failure) {
      if (asking.signal.aborted) return;
      this.onTrouble(failure);
      if (failure.isAboutToken) return;
    }
    if (this.#isWanted) this.#timer = setTimeout(() => this.#ask(), pause * 1000);
  }

  async #answer(signal) {
    const { status, body } = await this.session.answer(() => this.#send(signal));
    if (status === 200 && body) return body;
    if (status === 401 && !this.session.token.trim()) throw aboutToken("Sign in as an admin, or enter OPS_TOKEN or the token of an admin, to see how the server does.");
    if (status === 401) throw aboutToken("The token is not valid, or not any more. Sign in as an admin, or enter OPS_TOKEN or the token of an admin.");
    if (status === 403) throw aboutToken("This account is no admin's. Sign in as an admin, or enter OPS_TOKEN or the token of an admin.");
    throw new Trouble(`The server answered with status ${status}${body?.detail ? `: ${body.detail}` : "."} Trying again.`);
  }

  async #send(signal) {
    try {
      const response = await fetch(`${PATH}?since=${this.since()}`, {
        headers: requestHeaders({ accept: "application/json" }, this.session.token),
        cache: "no-store",
        signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_SECONDS * 1000)]),
      });
      return { status: response.status, body: parsed(await response.text()) };
    } catch {
      throw new Trouble("The server does not answer. This page goes on by itself when it is back.");
    }
  }
}

function aboutToken(message) {
  return new Trouble(message, { isAboutToken: true });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
