// Who uses the page: a token that was pasted, or a session that a password began and that is renewed while the tab is open.

import { element } from "./dom.js";
import { firstToken, keepToken, keptRefresh, requestHeaders } from "./session.js";
import { SessionTabs, alone, newSessionName } from "./session-tabs.js";
import { send } from "./transport.js";

const ENDPOINT = "/graphql";
const EARLY_SECONDS = 60;
const LEAST_SECONDS = 30; // A clock that goes wrong does not make the page ask without a pause.
const RENEWAL_SECONDS = 30; // Other tabs of the session wait for an answer no longer than this.

const LOGIN = `mutation SignIn($input: LoginInput!) {
  login(input: $input) { accessToken accessTokenExpiresAt refreshToken }
}`;

const REFRESH = `mutation StaySignedIn($input: RefreshTokenInput!) {
  refreshToken(input: $input) { accessToken accessTokenExpiresAt refreshToken }
}`;

const LOGOUT = `mutation SignOut($input: LogoutInput!) {
  logout(input: $input) { sessionsEnded }
}`;

/** The session of the page: `field` shows its token, `button` signs in and out, `onChange` is told when it is another's. */
export class Session {
  #timer = null;
  #renewing = null;

  constructor({ field, button, onChange }) {
    Object.assign(this, { field, button, onChange });
    this.panel = new SignInPanel((email, password) => this.#signIn(email, password));
    this.tabs = new SessionTabs({
      onTokens: (token, refresh) => this.#keep(token, refresh),
      onEnd: () => this.#become(""),
    });
    this.#show(firstToken());
    field.addEventListener("change", () => this.#become(field.value.trim()));
    button.addEventListener("click", () => (keptRefresh() ? this.#signOut() : this.panel.open()));
    // A link with a token, opened in a tab that already shows the page, changes only the fragment.
    addEventListener("hashchange", () => {
      const before = this.token;
      this.#show(firstToken());
      if (this.token !== before) this.onChange();
    });
  }

  /** The token of the moment. */
  get token() {
    return this.field.value;
  }

  /** What `ask` answers; a request that is refused for its token is sent once more, with the next token. */
  async answer(ask) {
    const before = this.token;
    const first = await ask();
    return first.status === 401 && (await this.#renewed(before)) ? ask() : first;
  }

  async #signIn(email, password) {
    const { body } = await send(ENDPOINT, { query: LOGIN, variables: { input: { email, password } } });
    const pair = body?.data?.login;
    if (!pair) throw new Error(body?.errors?.[0]?.message ?? "The server did not answer. Try again.");
    this.#take(pair, { name: newSessionName(), turn: 0 });
    this.onChange();
  }

  async #signOut() {
    const { name } = keptRefresh();
    const request = { query: LOGOUT, variables: { input: {} } };
    try {
      // Only a token that is good says which session is to end, so one that is not is renewed for it.
      await this.answer(() => send(ENDPOINT, request, { headers: requestHeaders({}, this.token) }));
    } catch {
      // A server that is away: the tabs forget the tokens, and they end by themselves.
    }
    this.tabs.tellEnd(name);
    if (keptRefresh()) this.#become("");
  }

  /** Whether there is another token than the one before; who asks meanwhile waits for the same one. */
  #renewed(before) {
    this.#renewing ??= this.#renew(before).finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  async #renew(before) {
    const refresh = keptRefresh();
    if (!refresh) return false;
    return alone(refresh.name, async () => {
      await this.tabs.catchUp();
      const newest = keptRefresh();
      if (!newest) return false;
      const isRenewed = this.token !== before && newest.dueAt > Date.now();
      return isRenewed || this.#exchange(newest);
    });
  }

  /** Whether the refresh token was good for another pair; one that is not signs out. */
  async #exchange(refresh) {
    try {
      const input = { refreshToken: refresh.token };
      const signal = AbortSignal.timeout(RENEWAL_SECONDS * 1000);
      const { body } = await send(ENDPOINT, { query: REFRESH, variables: { input } }, { signal });
      const pair = body?.data?.refreshToken;
      if (pair) this.#take(pair, { name: refresh.name, turn: refresh.turn + 1 });
      else if (body?.errors?.[0]?.extensions?.code === "UNAUTHENTICATED") this.#become("");
      return Boolean(pair);
    } catch {
      // No answer came: the next request tries again.
      return false;
    }
  }

  /** Takes what the server gave; `name` is of the session, and `turn` how often it was renewed. */
  #take({ accessToken, accessTokenExpiresAt, refreshToken }, { name, turn }) {
    const dueAt = Date.parse(accessTokenExpiresAt) - EARLY_SECONDS * 1000;
    this.#keep(accessToken, { token: refreshToken, dueAt, name, turn });
    this.tabs.tellTokens();
  }

  #keep(token, refresh) {
    keepToken(token, refresh);
    this.#show(token);
  }

  /** Uses a token that nothing renews. */
  #become(token) {
    this.#keep(token, null);
    this.onChange();
  }

  #show(token) {
    const refresh = keptRefresh();
    this.field.value = token;
    this.button.textContent = refresh ? "Sign out" : "Sign in";
    clearTimeout(this.#timer);
    if (!refresh) return;
    const wait = Math.max(refresh.dueAt - Date.now(), LEAST_SECONDS * 1000);
    this.#timer = setTimeout(() => this.#renewed(token), wait);
  }
}

/** The dialog that asks for address and password; `signIn` throws what is wrong with them. */
class SignInPanel {
  constructor(signIn) {
    this.signIn = signIn;
    this.email = element("input", { id: "sign-in-email", type: "email", autocomplete: "username", required: true });
    this.password = element("input", { id: "sign-in-password", type: "password", autocomplete: "current-password", required: true });
    this.mistake = element("p", { class: "mistake", id: "sign-in-mistake", role: "alert" });
    this.enter = element("button", { class: "primary", id: "sign-in-enter" }, "Sign in");
    const cancel = element("button", { type: "button", class: "quiet", click: () => this.dialog.close() }, "Cancel");
    const form = element(
      "form",
      { submit: (event) => this.#submit(event) },
      element("h2", { id: "sign-in-heading" }, "Sign in"),
      element("label", { for: "sign-in-email" }, "E-mail address"),
      this.email,
      element("label", { for: "sign-in-password" }, "Password"),
      this.password,
      this.mistake,
      element("p", { class: "sign-in-foot" }, cancel, this.enter),
    );
    this.dialog = element("dialog", { class: "sign-in", "aria-labelledby": "sign-in-heading" }, form);
    document.body.append(this.dialog);
  }

  open() {
    this.mistake.textContent = "";
    this.dialog.showModal();
    (this.email.value ? this.password : this.email).focus();
  }

  async #submit(event) {
    event.preventDefault();
    this.enter.disabled = true;
    try {
      await this.signIn(this.email.value, this.password.value);
      this.password.value = "";
      this.dialog.close();
    } catch (failure) {
      this.mistake.textContent = failure.message;
      this.password.select();
    } finally {
      this.enter.disabled = false;
    }
  }
}
