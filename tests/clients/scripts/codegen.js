// graphql-codegen makes types of the schema, and `tsc --strict` takes a program that uses them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";

import { run, server } from "./checks.js";

const PACKAGES = "../../node_modules";
const OPTIONS = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--module", "nodenext", "--target", "es2022", "--skipLibCheck"];

function execute(...words) {
  try {
    return execFileSync(process.execPath, words, { cwd: "codegen", encoding: "utf8", stdio: "pipe" });
  } catch (failed) {
    throw new Error(`${failed.stdout}\n${failed.stderr}`);
  }
}

await run({
  "types are generated of the whole schema": async () => {
    copyFileSync(server.schema, "codegen/schema.graphql");
    execute(`${PACKAGES}/@graphql-codegen/cli/esm/bin.js`, "--config", "codegen.json");
    assert.match(readFileSync("codegen/documents.ts", "utf8"), /PeopleDocument/);
  },

  "a program that uses them compiles under --strict": async () => {
    assert.equal(execute(`${PACKAGES}/typescript/bin/tsc`, ...OPTIONS, "use.ts"), "");
  },
});
