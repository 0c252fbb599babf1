// urql with graphcache: pages, invalidation, and subscriptions over both kinds of event streams.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { Client, fetchExchange, gql, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { buildSchema, introspectionFromSchema } from "graphql";
import { createClient as createSseClient } from "graphql-sse";

import { authorization, distinct, noted, queue, run, server } from "./checks.js";

const CONTACTS = gql`
  query Contacts($first: Int, $after: String, $filter: ContactFilter) {
    contacts(first: $first, after: $after, filter: $filter) {
      totalCount
      edges {
        node {
          id
          firstName
          title
        }
      }
      pageInfo {
        hasNextPage
        hasPreviousPage
        startCursor
        endCursor
      }
    }
  }
`;
const CREATE = gql`
  mutation Create($input: CreateContactInput!) {
    createContact(input: $input) {
      contact {
        id
        firstName
      }
      userErrors {
        code
        path
      }
    }
  }
`;
const UPDATE = gql`
  mutation Update($input: UpdateContactInput!) {
    updateContact(input: $input) {
      contact {
        id
        title
      }
      userErrors {
        code
      }
    }
  }
`;
const CHANGES = gql`
  subscription Changes {
    contactChanged {
      kind
      ids
    }
  }
`;

const schema = introspectionFromSchema(buildSchema(readFileSync(server.schema, "utf8")));

function cache() {
  return cacheExchange({
    schema,
    keys: { ContactChange: () => null },
    resolvers: { Query: { contacts: relayPagination() } },
    updates: {
      Mutation: {
        createContact: (_result, _args, held) => {
          for (const { fieldName, fieldKey } of held.inspectFields("Query")) {
            if (fieldName === "contacts") held.invalidate("Query", fieldKey);
          }
        },
      },
    },
  });
}

function client({ role = "editor", exchanges = [cache(), fetchExchange], ...options } = {}) {
  return new Client({
    url: server.http,
    exchanges,
    fetchOptions: { headers: role === null ? {} : authorization(role) },
    preferGetMethod: false,
    ...options,
  });
}

async function answered(operation) {
  const { data, error } = await operation.toPromise();
  assert.ifError(error);
  return data;
}

/** The results of an operation, one at a time. */
function follow(source) {
  const { put, next } = queue();
  const { unsubscribe } = source.subscribe(put);
  return { next, stop: unsubscribe };
}

async function followsChanges(urql) {
  const told = follow(urql.subscription(CHANGES, {}));
  const ready = await told.next();
  assert.ifError(ready.error);
  assert.equal(ready.data.contactChanged.kind, "READY");
  const { createContact } = await answered(urql.mutation(CREATE, { input: { firstName: "Told" } }));
  const { data } = await told.next();
  assert.deepEqual(data.contactChanged.ids, [createContact.contact.id]);
  told.stop();
}

await run({
  "the schema goes with the cache, and nothing is warned of": async () => {
    const warned = [];
    const { warn, error } = console;
    console.warn = console.error = (...words) => warned.push(words.join(" "));
    try {
      await answered(client().query(CONTACTS, { first: 2 }));
    } finally {
      Object.assign(console, { warn, error });
    }
    assert.deepEqual(warned, []);
  },

  "pages are put together": async () => {
    const urql = client();
    let page;
    let after;
    do {
      page = await answered(urql.query(CONTACTS, { first: 7, after }));
      after = page.contacts.pageInfo.endCursor;
    } while (page.contacts.pageInfo.hasNextPage);
    assert.equal(distinct(page.contacts.edges.map(({ node }) => node.id)), page.contacts.totalCount);
  },

  "a mutation changes the row that a query shows": async () => {
    const urql = client();
    const shown = follow(urql.query(CONTACTS, { first: 1 }));
    const { id } = (await shown.next()).data.contacts.edges[0].node;
    const { updateContact } = await answered(urql.mutation(UPDATE, { input: { id, title: "Duchess" } }));
    assert.deepEqual(updateContact.userErrors, []);
    assert.equal((await shown.next()).data.contacts.edges[0].node.title, "Duchess");
    shown.stop();
  },

  "a list is read again when a mutation made it old": async () => {
    const urql = client();
    const shown = follow(urql.query(CONTACTS, { first: 1 }));
    const before = (await shown.next()).data.contacts.totalCount;
    const { createContact } = await answered(urql.mutation(CREATE, { input: { firstName: "Next" } }));
    assert.deepEqual(createContact.userErrors, []);
    let last;
    do last = await shown.next();
    while (last.stale);
    assert.equal(last.data.contacts.totalCount, before + 1);
    shown.stop();
  },

  "Accept names event streams, and JSON comes": async () => {
    const { requests, fetch } = noted();
    let type;
    const urql = client({
      exchanges: [fetchExchange],
      fetch: async (...asked) => {
        const answer = await fetch(...asked);
        type = answer.headers.get("content-type");
        return answer;
      },
    });
    await answered(urql.query(CONTACTS, { first: 1 }));
    assert.match(requests[0].headers.get("accept"), /text\/event-stream/);
    assert.match(type, /^application\/graphql-response\+json/);
  },

  "queries go by GET": async () => {
    const { requests, fetch } = noted();
    await answered(client({ exchanges: [fetchExchange], preferGetMethod: "force", fetch }).query(CONTACTS, { first: 1 }));
    assert.equal(requests[0].method, "GET");
  },

  "errors have codes": async () => {
    const refused = await client({ role: null }).query(CONTACTS, {}).toPromise();
    assert.deepEqual(refused.error.graphQLErrors.map(({ extensions }) => extensions.code), ["UNAUTHENTICATED"]);
    const { error } = await client().query(CONTACTS, { first: 1, after: "nowhere" }).toPromise();
    assert.deepEqual(error.graphQLErrors.map(({ extensions }) => extensions.code), ["CURSOR_INVALID"]);
  },

  "a subscription comes by fetch": async () => {
    await followsChanges(client({ exchanges: [fetchExchange], fetchSubscriptions: true }));
  },

  "a subscription comes over graphql-sse": async () => {
    const sse = createSseClient({ url: server.http, headers: authorization() });
    const forwardSubscription = (request) => ({
      subscribe: (sink) => ({ unsubscribe: sse.subscribe({ ...request, query: request.query ?? "" }, sink) }),
    });
    await followsChanges(client({ exchanges: [cache(), subscriptionExchange({ forwardSubscription }), fetchExchange] }));
    sse.dispose();
  },
});
