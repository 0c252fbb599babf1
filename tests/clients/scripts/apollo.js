// Apollo Client 4: its cache, errors, persisted queries, pages and subscriptions.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";

import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { Defer20220824Handler } from "@apollo/client/incremental";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

import { authorization, distinct, noted, queue, run, server } from "./checks.js";

const CONTACTS = gql`
  query Contacts($first: Int, $after: String, $filter: ContactFilter) {
    contacts(first: $first, after: $after, filter: $filter, orderBy: [{ field: NAME }]) {
      totalCount
      edges {
        node {
          id
          firstName
          title
          company {
            id
            name
          }
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
        title
      }
      userErrors {
        code
        message
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
        message
        path
        ... on ConflictError {
          current {
            ... on Contact {
              id
              version
            }
          }
        }
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

function cache() {
  return new InMemoryCache({
    possibleTypes: { UserError: ["ValidationError", "DuplicateError", "ConflictError"] },
    typePolicies: {
      Query: { fields: { contacts: relayStylePagination(["filter", "orderBy"]) } },
    },
  });
}

function http({ role = "editor", ...options } = {}) {
  const headers = role === null ? {} : authorization(role);
  return new HttpLink({ uri: server.http, headers, ...options });
}

function client(link = http(), more = {}) {
  return new ApolloClient({ link, cache: cache(), ...more });
}

async function errorsOf(promise) {
  const error = await promise.then(() => assert.fail("no error came"), (reason) => reason);
  assert.ok(CombinedGraphQLErrors.is(error), `${error?.name}: ${error?.message}`);
  return error.errors;
}

async function codeOf(promise) {
  const [error] = await errorsOf(promise);
  assert.match(error.extensions.requestId, /^[\w.-]+$/);
  return error.extensions.code;
}

function persisted(options) {
  const sha256 = (text) => createHash("sha256").update(text).digest("hex");
  const { requests, fetch } = noted();
  const link = new PersistedQueryLink({ sha256, ...options });
  return { requests, link: ApolloLink.from([link, http({ fetch })]) };
}

async function asksTwice(link) {
  const query = gql(`query Asked${process.hrtime.bigint()} { contacts(first: 1) { nodes { id } } }`);
  for (let time = 0; time < 2; time += 1) {
    const { data } = await client(link).query({ query, fetchPolicy: "network-only" });
    assert.equal(data.contacts.nodes.length, 1);
  }
}

function follow(observable) {
  const { put, next } = queue();
  const subscription = observable.subscribe({ next: ({ data }) => put(data) });
  return { next, stop: () => subscription.unsubscribe() };
}

async function until(told, isIt) {
  for (;;) {
    const data = await told.next();
    if (isIt(data)) return data;
  }
}

await run({
  "a query is answered and its rows are kept by their ids": async () => {
    const apollo = client();
    const { data } = await apollo.query({ query: CONTACTS, variables: { first: 2 } });
    assert.equal(data.contacts.edges.length, 2);
    const { node } = data.contacts.edges[0];
    const id = apollo.cache.identify({ __typename: "Contact", id: node.id });
    assert.equal(apollo.cache.extract()[id].firstName, node.firstName);
    assert.equal(node.company.name, "Acme");
  },

  "a mutation changes the row that a query shows": async () => {
    const apollo = client();
    const told = follow(apollo.watchQuery({ query: CONTACTS, variables: { first: 1 } }));
    const { id } = (await until(told, (data) => data?.contacts)).contacts.edges[0].node;
    const input = { id, title: "Countess" };
    const { data } = await apollo.mutate({ mutation: UPDATE, variables: { input } });
    assert.deepEqual(data.updateContact.userErrors, []);
    await until(told, ({ contacts }) => contacts.edges[0].node.title === "Countess");
    told.stop();
  },

  "a new row is put into a list of the cache": async () => {
    const apollo = client();
    const filter = { lastName: { eq: "New" } };
    await apollo.query({ query: CONTACTS, variables: { first: 5, filter } });
    const input = { firstName: "Nina", lastName: "New", clientMutationId: "1" };
    await apollo.mutate({
      mutation: CREATE,
      variables: { input },
      update(held, { data }) {
        const { contact } = data.createContact;
        held.updateQuery({ query: CONTACTS, variables: { first: 5, filter } }, ({ contacts }) => ({
          contacts: {
            ...contacts,
            totalCount: contacts.totalCount + 1,
            edges: [...contacts.edges, { __typename: "ContactEdge", node: { company: null, ...contact } }],
          },
        }));
      },
    });
    const held = apollo.readQuery({ query: CONTACTS, variables: { first: 5, filter } });
    const { data } = await apollo.query({ query: CONTACTS, variables: { first: 5, filter }, fetchPolicy: "no-cache" });
    const ids = (page) => page.contacts.edges.map(({ node }) => node.id);
    assert.deepEqual(ids(held), ids(data));
    assert.equal(held.contacts.totalCount, data.contacts.totalCount);
  },

  "mistakes in an input are data": async () => {
    const input = { emails: [{ address: "nobody" }] };
    const { data } = await client().mutate({ mutation: CREATE, variables: { input } });
    const [mistake] = data.createContact.userErrors;
    assert.equal(data.createContact.contact, null);
    assert.deepEqual([mistake.code, mistake.path], ["INVALID_EMAIL", ["emails", "0", "address"]]);
  },

  "errors have codes": async () => {
    const apollo = client();
    const variables = { first: 1, after: "nowhere" };
    assert.equal(await codeOf(apollo.query({ query: CONTACTS, variables })), "CURSOR_INVALID");
    const unknown = gql("{ contacts { nodes { nothing } } }");
    assert.equal(await codeOf(apollo.query({ query: unknown })), "GRAPHQL_VALIDATION_FAILED");
    const first = { first: "many" };
    assert.equal(await codeOf(apollo.query({ query: CONTACTS, variables: first })), "BAD_USER_INPUT");
  },

  "refusals of the whole request have codes too": async () => {
    const query = CONTACTS;
    assert.equal(await codeOf(client(http({ role: null })).query({ query })), "UNAUTHENTICATED");
    const mutation = { mutation: CREATE, variables: { input: { firstName: "No" } } };
    assert.equal(await codeOf(client(http({ role: "viewer" })).mutate(mutation)), "FORBIDDEN");
  },

  "a document is sent once, and then its hash": async () => {
    const { requests, link } = persisted();
    await asksTwice(link);
    assert.deepEqual(requests.map(({ body }) => "query" in JSON.parse(body)), [false, true, false]);
  },

  "hashes go by GET": async () => {
    const { requests, link } = persisted({ useGETForHashedQueries: true });
    await asksTwice(link);
    assert.deepEqual(requests.map(({ method }) => method), ["GET", "POST", "GET"]);
  },

  "answers do not come in parts": async () => {
    const apollo = client(http(), { incrementalHandler: new Defer20220824Handler() });
    const query = gql("{ contacts(first: 1) { nodes { id ... @defer { title } } } }");
    assert.equal(await codeOf(apollo.query({ query })), "GRAPHQL_VALIDATION_FAILED");
    const { data } = await client().query({ query: gql("{ __schema { directives { name } } }") });
    const names = data.__schema.directives.map(({ name }) => name);
    assert.ok(!names.includes("defer") && !names.includes("stream"), names.join());
  },

  "pages are walked to the end": async () => {
    const shown = client().watchQuery({ query: CONTACTS, variables: { first: 7 } });
    const told = follow(shown);
    let page = await until(told, (data) => data?.contacts);
    let { pageInfo } = page.contacts;
    while (pageInfo.hasNextPage) {
      const { data } = await shown.fetchMore({ variables: { after: pageInfo.endCursor } });
      pageInfo = data.contacts.pageInfo;
      page = await until(told, (each) => each.contacts.pageInfo.endCursor === pageInfo.endCursor);
    }
    told.stop();
    assert.equal(distinct(page.contacts.edges.map(({ node }) => node.id)), page.contacts.totalCount);
  },

  "a subscription comes over a socket": async () => {
    const socket = createClient({
      url: server.socket,
      webSocketImpl: WebSocket,
      connectionParams: authorization(),
    });
    const apollo = client(ApolloLink.split(({ operationType }) => operationType === "subscription", new GraphQLWsLink(socket), http()));
    const told = follow(apollo.subscribe({ query: CHANGES }));
    assert.equal((await told.next()).contactChanged.kind, "READY");
    const { data } = await apollo.mutate({ mutation: CREATE, variables: { input: { firstName: "Told" } } });
    const { contactChanged } = await told.next();
    assert.deepEqual(contactChanged, { __typename: "ContactChange", kind: "CREATED", ids: [data.createContact.contact.id] });
    told.stop();
    await socket.dispose();
  },
});
