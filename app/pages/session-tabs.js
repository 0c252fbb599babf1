// The tabs that hold one session, as duplicated ones do: one of them renews it at a time, and tells the others what it got.

import { keptRefresh, keptToken } from "./session.js";
import { keep, recall } from "./storage.js";

const NAME = "appointment360.session";
const TURNS = "turns"; // How often each session was renewed, which is no secret: who is behind asks the others.
const TURNS_LIMIT = 20;
const PATIENCE_SECONDS = 5;

/** A name for a session that begins here; tokens change, it does not. */
export function newSessionName() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}

/** Does the work while no other tab does any for this session. Pages that came by plain HTTP have no locks. */
export function alone(name, work) {
  return navigator.locks ? navigator.locks.request(`${NAME}.${name}`, work) : work();
}

/** The other tabs: `onTokens` is told newer tokens than this one's, `onEnd` that somebody signed out. */
export class SessionTabs {
  #channel = new BroadcastChannel(NAME);
  #arrived = () => {};

  constructor({ onTokens, onEnd }) {
    Object.assign(this, { onTokens, onEnd });
    this.#channel.addEventListener("message", ({ data }) => this.#hear(data));
  }

  /** Tells the tokens of this tab, which it has just got. */
  tellTokens() {
    const refresh = keptRefresh();
    if (!refresh) return; // A browser that refuses storage.
    keepTurn(refresh);
    this.#send("tokens", refresh, keptToken());
  }

  /** Tells that the session of this name is over. */
  tellEnd(name) {
    this.#send("end", { name });
  }

  /** Gets newer tokens from the others, when there are any and a tab that has them is open still. */
  async catchUp() {
    const mine = keptRefresh();
    if (!mine || newestTurn(mine) <= mine.turn) return;
    await new Promise((resolve) => {
      this.#arrived = resolve;
      setTimeout(resolve, PATIENCE_SECONDS * 1000);
      this.#send("wanted", { name: mine.name, turn: mine.turn });
    });
  }

  #send(kind, refresh, token = null) {
    this.#channel.postMessage({ kind, refresh, token });
  }

  #hear({ kind, token, refresh }) {
    const mine = keptRefresh();
    if (mine?.name !== refresh.name) return;
    if (kind === "end") this.onEnd();
    else if (kind === "wanted" && mine.turn > refresh.turn) this.#send("tokens", mine, keptToken());
    else if (kind === "tokens" && refresh.turn > mine.turn) {
      this.onTokens(token, refresh);
      this.#arrived();
    }
  }
}

function newestTurn({ name }) {
  return recall("localStorage", TURNS, {})[name] ?? 0;
}

function keepTurn({ name, turn }) {
  const { [name]: _, ...others } = recall("localStorage", TURNS, {});
  const newest = [...Object.entries(others), [name, turn]].slice(-TURNS_LIMIT);
  keep("localStorage", TURNS, Object.fromEntries(newest));
}
