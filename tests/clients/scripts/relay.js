// Relay: relay-compiler takes the schema, and what it writes is run by relay-runtime.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

import { createClient } from "graphql-ws";
import WebSocket from "ws";

import { authorization, distinct, run, server } from "./checks.js";

const require = createRequire(import.meta.url);
const {
  ConnectionHandler,
  Environment,
  Network,
  Observable,
  RecordSource,
  Store,
  commitLocalUpdate,
  commitMutation,
  createOperationDescriptor,
  fetchQuery,
  requestSubscription,
} = require("relay-runtime");

const ROOT = "client:root";
const LIST = [ROOT, "People_contacts", { orderBy: [{ field: "NAME" }] }];

function compile() {
  copyFileSync(server.schema, "relay/schema.graphql");
  mkdirSync("relay/__generated__", { recursive: true });
  const config = {
    src: ".",
    schema: "schema.graphql",
    language: "javascript",
    artifactDirectory: "__generated__",
    jsModuleFormat: "commonjs",
    eagerEsModules: false,
  };
  writeFileSync("relay/relay.config.json", JSON.stringify(config));
  const program = "../../node_modules/relay-compiler/cli.js";
  return execFileSync(process.execPath, [program, "relay.config.json"], { cwd: "relay", encoding: "utf8", stdio: "pipe" });
}

function artifact(name) {
  return require(`./relay/__generated__/${name}.graphql.js`);
}

async function send({ text }, variables) {
  const answer = await fetch(server.http, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...authorization() },
    body: JSON.stringify({ query: text, variables }),
  });
  return answer.json();
}

function environment(socket) {
  const follow = ({ text }, variables) =>
    Observable.create((sink) => socket.subscribe({ query: text, variables }, sink));
  return new Environment({
    network: Network.create(send, follow),
    store: new Store(new RecordSource()),
  });
}

async function loaded(relay, name, variables) {
  relay.retain(createOperationDescriptor(artifact(name), variables));
  return fetchQuery(relay, artifact(name), variables).toPromise();
}

/** What the store has of the list, by all pages that were read. */
function list(relay) {
  let found;
  commitLocalUpdate(relay, (store) => {
    const [root, key, filters] = LIST;
    const held = ConnectionHandler.getConnection(store.get(root), key, filters);
    const info = held.getLinkedRecord("pageInfo");
    found = {
      id: held.getDataID(),
      total: held.getValue("totalCount"),
      ids: held.getLinkedRecords("edges").map((edge) => edge.getLinkedRecord("node").getDataID()),
      after: info.getValue("endCursor"),
      hasMore: info.getValue("hasNextPage"),
    };
  });
  return found;
}

function mutated(relay, name, variables) {
  return new Promise((resolve, reject) => {
    commitMutation(relay, {
      mutation: artifact(name),
      variables,
      onCompleted: (answer, errors) => (errors?.length ? reject(errors) : resolve(answer)),
      onError: reject,
    });
  });
}

let relay;

await run({
  "relay-compiler takes the schema and every document": async () => {
    assert.match(compile(), /Compilation completed/);
    assert.match(artifact("PersonRefetchQuery").params.text, /node\(id: \$id\)/);
  },

  "pages become one connection": async () => {
    relay = environment();
    const { viewer } = await loaded(relay, "PeopleQuery", { first: 7 });
    assert.equal(viewer.role, "EDITOR");
    while (list(relay).hasMore) {
      await loaded(relay, "PeoplePaginationQuery", { first: 7, after: list(relay).after });
    }
    const { ids, total } = list(relay);
    assert.equal(distinct(ids), total);
  },

  "@appendNode puts a new row behind the others": async () => {
    const { id, ids } = list(relay);
    const variables = { input: { firstName: "Zoe" }, connections: [id] };
    await mutated(relay, "PersonCreateMutation", variables);
    const now = list(relay).ids;
    assert.deepEqual(now.slice(0, -1), ids);
    assert.equal(relay.getStore().getSource().get(now.at(-1)).firstName, "Zoe");
  },

  "@refetchable reads one row again by its id": async () => {
    const id = list(relay).ids.at(-1);
    await loaded(relay, "PersonRefetchQuery", { id });
    assert.equal(relay.getStore().getSource().get(id).version, 1);
  },

  "@deleteEdge takes a row out of the list": async () => {
    const { id, ids } = list(relay);
    const variables = { input: { id: ids.at(-1) }, connections: [id] };
    await mutated(relay, "PersonDeleteMutation", variables);
    assert.deepEqual(list(relay).ids, ids.slice(0, -1));
  },

  "a subscription is followed": async () => {
    const socket = createClient({ url: server.socket, webSocketImpl: WebSocket, connectionParams: authorization() });
    const told = await new Promise((resolve, reject) => {
      requestSubscription(environment(socket), {
        subscription: artifact("PeopleChangesSubscription"),
        variables: {},
        onNext: resolve,
        onError: reject,
      });
    });
    assert.equal(told.contactChanged.kind, "READY");
    await socket.dispose();
  },
});
