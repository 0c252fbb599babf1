// GraphQL text as tokens, and the role each name plays for colouring. Never fails: what it cannot read is `unknown`.

const TOKEN = new RegExp(
  [
    "(?<space>[\\s,\\uFEFF]+)",
    "(?<comment>#[^\\n\\r]*)",
    '(?<block>"""(?:\\\\"""|[^])*?(?:"""|$))',
    '(?<string>"(?:\\\\.|[^"\\\\\\n\\r])*"?)',
    "(?<spread>\\.\\.\\.)",
    "(?<variable>\\$\\w*)",
    "(?<directive>@\\w*)",
    "(?<number>-?\\d[\\d.eE+-]*)",
    "(?<name>[A-Za-z_]\\w*)",
    "(?<punctuation>[!&()|:=[\\]{}])",
    "(?<unknown>[^])",
  ].join("|"),
  "gu",
);
const DEFINITIONS = new Set(["query", "mutation", "subscription", "fragment"]);
const CONSTANTS = new Set(["true", "false", "null"]);

/** All tokens of the text, white space included: `{ kind, text, start, end }`; joined they are the text again. */
export function tokenize(text) {
  return Array.from(text.matchAll(TOKEN), (match) => {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    return { kind, text: match[0], start: match.index, end: match.index + match[0].length };
  });
}

/** The tokens that mean something: without white space, commas and comments. */
export function significant(tokens) {
  return tokens.filter((token) => token.kind !== "space" && token.kind !== "comment");
}

/** The tokens with names told apart: keyword, type, field, argument, constant. */
export function colored(text) {
  const tokens = tokenize(text);
  const read = significant(tokens);
  const roles = new Map();
  const open = [];
  read.forEach((token, at) => {
    if ("({[".includes(token.text)) open.push(token.text);
    else if (")}]".includes(token.text)) open.pop();
    else if (token.kind === "name") roles.set(token, roleOf(token, read[at - 1], read[at + 1], open));
  });
  return tokens.map((token) => ({ ...token, kind: roles.get(token) ?? token.kind }));
}

/** The role of a name, told from its neighbours and the brackets around it. */
function roleOf(token, previous, next, open) {
  if (!open.length && DEFINITIONS.has(token.text) && previous?.kind !== "name") return "keyword";
  if (token.text === "on" && (previous?.kind === "spread" || !open.length)) return "keyword";
  if (previous?.text === "on") return "type";
  if (!open.length) return "definition";
  if (!open.includes("(")) return previous?.kind === "spread" ? "definition" : "field";
  if (next?.text === ":") return "argument";
  if (CONSTANTS.has(token.text)) return "constant";
  return isTypePlace(token, previous, open) ? "type" : "enum";
}

/** Tells the type in `($ids: [ID!])` from the value in `(ids: [A])`; enum values are written all upper-case. */
function isTypePlace(token, previous, open) {
  if (open[0] !== "(" || open.includes("{")) return false;
  return previous?.text === ":" || (previous?.text === "[" && /^ID$|[a-z]/u.test(token.text));
}
