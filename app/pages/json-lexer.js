// JSON text as coloured tokens. Never fails: half-typed JSON is painted as far as it can be read.

const TOKEN =
  /(?<space>\s+)|(?<key>"(?:\\.|[^"\\\n])*"(?=\s*:))|(?<string>"(?:\\.|[^"\\\n])*"?)|(?<number>-?\d[\d.eE+-]*)|(?<constant>true|false|null)|(?<punctuation>[{}[\],:])|(?<unknown>[^])/gu;

/** All tokens of the text, white space included: `{ kind, text }`. */
export function tokenizeJson(text) {
  return Array.from(text.matchAll(TOKEN), (match) => {
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    return { kind, text: match[0] };
  });
}

/** The object written in an editor; an empty editor is an empty object. Throws a SyntaxError that names the editor. */
export function readJsonObject(text, name) {
  if (!text.trim()) return {};
  let value;
  try {
    value = JSON.parse(text);
  } catch (mistake) {
    throw new SyntaxError(`${name} are not valid JSON: ${mistake.message}`);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new SyntaxError(`${name} must be a JSON object, like { "name": "value" }`);
  }
  return value;
}
