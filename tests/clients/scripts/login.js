// Clients sign in, and get a new token when theirs is over: by Apollo's links, by urql's exchange.
import assert from "node:assert/strict";

import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, Observable, gql } from "@apollo/client";
import { SetContextLink } from "@apollo/client/link/context";
import { ErrorLink } from "@apollo/client/link/error";
import { Client, fetchExchange } from "@urql/core";
import { authExchange } from "@urql/exchange-auth";

import { run, server } from "./checks.js";

const SIGNED = "accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt user { id role }";
const LOGIN = gql`mutation Login($input: LoginInput!) { login(input: $input) { ${SIGNED} userErrors { code } } }`;
const REFRESH = gql`
  mutation Refresh($input: RefreshTokenInput!) {
    refreshToken(input: $input) { ${SIGNED} userErrors { code } }
  }
`;
const VIEWER = gql("query Viewer { viewer { id role } }");

const { email, password, expired } = server.login;

function plain() {
  return new ApolloClient({ link: new HttpLink({ uri: server.http }), cache: new InMemoryCache() });
}

async function login(given = { email, password }) {
  const { data } = await plain().mutate({ mutation: LOGIN, variables: { input: given } });
  assert.deepEqual(data.login.userErrors, []);
  return data.login;
}

async function renewed(refreshToken) {
  const { data } = await plain().mutate({ mutation: REFRESH, variables: { input: { refreshToken } } });
  return data.refreshToken;
}

async function codes(promise) {
  const error = await promise.then(() => assert.fail("no error came"), (reason) => reason);
  assert.ok(CombinedGraphQLErrors.is(error), String(error));
  return error.errors.map(({ extensions }) => extensions.code);
}

/** Apollo with the tokens of a session, which it renews when the server refuses the first. */
function apollo(session) {
  const renewing = new ErrorLink(({ error, operation, forward }) => {
    const isOver = CombinedGraphQLErrors.is(error) && error.errors.some(({ extensions }) => extensions?.code === "UNAUTHENTICATED");
    if (!isOver || operation.getContext().isSecond) return undefined;
    operation.setContext({ isSecond: true });
    return new Observable((observer) => {
      renewed(session.refreshToken)
        .then((next) => {
          Object.assign(session, next);
          forward(operation).subscribe(observer);
        })
        .catch((failed) => observer.error(failed));
    });
  });
  const signed = new SetContextLink(({ headers }) => ({
    headers: { ...headers, authorization: `Bearer ${session.accessToken}` },
  }));
  const link = ApolloLink.from([renewing, signed, new HttpLink({ uri: server.http })]);
  return new ApolloClient({ link, cache: new InMemoryCache() });
}

/** urql with the same, as its documentation has it. */
function urql(session) {
  const auth = authExchange(async ({ appendHeaders }) => ({
    addAuthToOperation: (operation) => appendHeaders(operation, { Authorization: `Bearer ${session.accessToken}` }),
    didAuthError: ({ graphQLErrors }) => graphQLErrors.some(({ extensions }) => extensions.code === "UNAUTHENTICATED"),
    refreshAuth: async () => Object.assign(session, await renewed(session.refreshToken)),
  }));
  return new Client({ url: server.http, exchanges: [auth, fetchExchange], preferGetMethod: false });
}

await run({
  "a session is begun by an address and a password": async () => {
    const session = await login();
    assert.equal(session.user.role, "EDITOR");
    const { data } = await apollo(session).query({ query: VIEWER });
    assert.equal(data.viewer.id, session.user.id);
  },

  "a wrong password is an error with a code": async () => {
    assert.deepEqual(await codes(login({ email, password: "not the password" })), ["UNAUTHENTICATED"]);
  },

  "Apollo renews a token that is over": async () => {
    const session = { ...(await login()), accessToken: expired };
    const { data } = await apollo(session).query({ query: VIEWER });
    assert.equal(data.viewer.role, "EDITOR");
    assert.notEqual(session.accessToken, expired);
  },

  "urql renews a token that is over": async () => {
    const session = { ...(await login()), accessToken: expired };
    const { data, error } = await urql(session).query(VIEWER, {}).toPromise();
    assert.ifError(error);
    assert.equal(data.viewer.role, "EDITOR");
    assert.notEqual(session.accessToken, expired);
  },

  "a session ends with a token that nobody gave": async () => {
    const session = { ...(await login()), accessToken: expired, refreshToken: "a360r_nothing" };
    assert.deepEqual(await codes(apollo(session).query({ query: VIEWER })), ["UNAUTHENTICATED"]);
  },
});
