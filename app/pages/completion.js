// What can be written at the cursor, best first: the schema's answer to the context.

import { contextAt } from "./cursor.js";
import { definitions, operationAt } from "./graphql-document.js";
import { inputText, namedType, typeText } from "./schema.js";

const OPERATIONS = ["query", "mutation", "subscription"];
const LIMIT = 100;

/** The suggestions at the cursor: `{ start, end, items: [{ label, insert, detail, description, deprecated }] }`. */
export function complete(text, cursor, schema) {
  const context = contextAt(text, cursor, schema);
  const suggest = SUGGESTIONS[context.expect];
  const items = suggest ? matching(suggest(context, schema, { text, cursor }), context.word) : [];
  return { start: context.start, end: context.end, word: context.word, items };
}

const SUGGESTIONS = {
  definition(context, schema) {
    const roots = OPERATIONS.filter((name) => schema.roots[name]);
    return [...roots, "fragment"].map((label) => ({ label, insert: `${label} ` }));
  },

  field(context, schema) {
    return schema.fields(context.type).map((field) => ({ ...described(field), detail: typeText(field.type) }));
  },

  input(context) {
    return context.inputs.map((input) => ({
      ...described(input),
      insert: `${input.name}: `,
      detail: inputText(input).slice(input.name.length + 2),
    }));
  },

  value(context, schema, document) {
    const variables = context.constant ? [] : variableItems(context, document);
    if (context.word.startsWith("$")) return variables;
    return [...constants(schema.type(namedType(context.type))), ...variables];
  },

  type(context, schema) {
    return schema.inputTypes.map((type) => ({ ...described(type), detail: kindText(type.kind) }));
  },

  spread(context, schema, document) {
    const allowed = schema.conditions(context.type);
    const names = new Set(allowed.map((type) => type.name));
    const fragments = definitions(document.text).filter((one) => one.kind === "fragment" && one.name);
    return [
      ...fragments.filter((one) => names.has(one.condition)).map((one) => ({ label: one.name, detail: `on ${one.condition}` })),
      ...allowed.map((type) => ({ ...described(type), label: `on ${type.name}` })),
    ];
  },

  condition(context, schema) {
    return schema.conditions(context.type).map((type) => ({ ...described(type), detail: kindText(type.kind) }));
  },

  directive(context, schema) {
    const fitting = schema.directives.filter(({ locations }) => locations.some((place) => context.locations.includes(place)));
    return fitting.map((directive) => ({
      ...described(directive),
      label: `@${directive.name}`,
      detail: directive.args.map(inputText).join(", "),
    }));
  },
};

/** `INPUT_OBJECT` in words. */
export function kindText(kind) {
  return kind.toLowerCase().replace("_", " ");
}

function described(thing) {
  const deprecated = thing.isDeprecated ? (thing.deprecationReason ?? "Deprecated.") : null;
  return { label: thing.name, description: thing.description, deprecated };
}

/** The values a type enumerates: its enum values, or true and false. */
function constants(type) {
  if (type?.name === "Boolean") return ["true", "false"].map((label) => ({ label, detail: "Boolean" }));
  return (type?.enumValues ?? []).map((value) => ({ ...described(value), detail: type.name }));
}

/** The variables of the operation at the cursor that are declared with the expected type. */
function variableItems(context, { text, cursor }) {
  const expected = namedType(context.type);
  const declared = operationAt(text, cursor)?.variables ?? [];
  const fitting = declared.filter(({ type }) => !expected || !type || type === expected);
  return fitting.map(({ name, type }) => ({ label: name, detail: type }));
}

/** The items that contain the word, those that start with it first; an exact single match is no suggestion. */
function matching(items, word) {
  const sought = word.toLowerCase();
  const rank = ({ label }) => label.toLowerCase().replace(/^on /u, "").indexOf(sought);
  const found = items.filter((item) => rank(item) >= 0);
  const sorted = [...found.filter((item) => rank(item) === 0), ...found.filter((item) => rank(item) > 0)];
  return sorted.length === 1 && sorted[0].label === word ? [] : sorted.slice(0, LIMIT);
}
