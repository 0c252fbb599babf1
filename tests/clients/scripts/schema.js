// schema.graphql as tools for schemas read it: graphql-js, and graphql-schema-linter.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";

import { buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema, validateSchema } from "graphql";

import { authorization, run, server } from "./checks.js";

const TEXT = readFileSync(server.schema, "utf8");
const ORDERS = ["enum-values", "input-object-fields", "interface-fields", "type-fields"].map(
  (kind) => `${kind}-sorted-alphabetically`,
);

async function introspected() {
  const answer = await fetch(server.http, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...authorization() },
    body: JSON.stringify({ query: getIntrospectionQuery({ inputValueDeprecation: true, specifiedByUrl: true, oneOf: true }) }),
  });
  return buildClientSchema((await answer.json()).data);
}

function sorted(schema) {
  return printSchema(lexicographicSortSchema(schema));
}

/** What the linter finds; it ends with status 1 when that is anything. */
async function lint(file) {
  const program = "../node_modules/graphql-schema-linter/lib/cli.js";
  const { stdout } = await promisify(execFile)(process.execPath, [program, "-f", "json", file], {
    maxBuffer: 2 ** 26,
  }).catch((found) => found);
  return JSON.parse(stdout).errors;
}

await run({
  "graphql-js builds it and finds nothing wrong": async () => {
    assert.deepEqual(validateSchema(buildSchema(TEXT)), []);
  },

  "introspection tells the same schema": async () => {
    assert.equal(sorted(await introspected()), sorted(buildSchema(TEXT)));
  },

  "the linter's rules hold, but for the order of the file": async () => {
    // Its order is one for readers: the id first, ranks from the top. No client sees the difference.
    const found = await lint(server.schema);
    assert.deepEqual(found.filter(({ rule }) => !ORDERS.includes(rule)), []);
  },

  "all of the linter's rules hold for the schema in the order of the alphabet": async () => {
    // graphql-js sorts numbers in names as such, R2 before R10; the linter goes by their digits.
    writeFileSync("sorted.graphql", sorted(buildSchema(TEXT)));
    const found = await lint("sorted.graphql");
    assert.deepEqual(found.filter(({ message }) => !message.startsWith("The enum `EmployeeRange`")), []);
  },
});
