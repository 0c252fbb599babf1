// What a document defines: its operations and fragments, where they stand and which variables they declare.

import { significant, tokenize } from "./graphql-lexer.js";

const OPERATIONS = new Set(["query", "mutation", "subscription"]);

/** The definitions in order: `{ kind, name, condition, variables, start, end }`; half-typed ones end with the text. */
export function definitions(text) {
  const found = [];
  let current = null;
  let braces = 0;
  let parens = 0;
  for (const token of significant(tokenize(text))) {
    if (!current) {
      current = begin(token);
      if (!current) continue;
      found.push(current);
    } else if (braces === 0) {
      readHeader(current, token, parens);
    }
    if (token.text === "(") parens += 1;
    else if (token.text === ")") parens = Math.max(0, parens - 1);
    else if (token.text === "{" && parens === 0) braces += 1;
    else if (token.text === "}" && parens === 0) braces = Math.max(0, braces - 1);
    current.end = token.end;
    if (token.text === "}" && braces === 0 && parens === 0) current = null;
  }
  return found;
}

/** The operations of a document. */
export function operations(text) {
  return definitions(text).filter((definition) => definition.kind !== "fragment");
}

/** The operation the cursor is in, else the last one before it, else the first; null when there is none. */
export function operationAt(text, cursor) {
  const all = operations(text);
  const before = all.filter((operation) => operation.start <= cursor);
  return before.at(-1) ?? all[0] ?? null;
}

/** A definition that starts with this token, or null. */
function begin(token) {
  const kind = token.text === "{" ? "query" : token.text;
  if (!OPERATIONS.has(kind) && kind !== "fragment") return null;
  return { kind, name: null, condition: null, variables: [], start: token.start, end: token.end };
}

/** Takes in one token between a definition's keyword and its first brace. */
function readHeader(definition, token, parens) {
  if (parens > 0) readVariable(definition.variables, token);
  else if (token.kind !== "name") return;
  else if (definition.name === null) definition.name = token.text;
  else if (token.text !== "on") definition.condition ??= token.text;
}

/** Takes in one token of the variable definitions: a new variable, or the type of the last one. */
function readVariable(variables, token) {
  if (token.kind === "variable") variables.push({ name: token.text, type: null });
  else if (token.kind === "name" && variables.length) variables.at(-1).type ??= token.text;
}
