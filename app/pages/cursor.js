// Which kind of thing may stand at the cursor: the document before it is walked token by token, keeping a stack of
// frames (selection, arguments, list, …). Unknown names give frames without a type, never an error.

import { significant, tokenize } from "./graphql-lexer.js";
import { namedType, nullable } from "./schema.js";

const WORDS = new Set(["name", "variable", "directive"]);
const SILENT = new Set(["comment", "string", "block", "number"]);
const LOCATIONS = { query: "QUERY", mutation: "MUTATION", subscription: "SUBSCRIPTION", fragment: "FRAGMENT_DEFINITION" };

/** What is expected at the cursor: `{ expect, word, start, end, … }`; `start` to `end` is the word to replace. */
export function contextAt(text, cursor, schema) {
  const tokens = tokenize(text);
  const here = tokens.find((token) => token.start < cursor && cursor <= token.end);
  if (here && SILENT.has(here.kind)) return { expect: "nothing" };
  const word = here && WORDS.has(here.kind) ? here : null;
  const start = word?.start ?? cursor;
  const walk = new Walk(schema);
  for (const token of significant(tokens)) if (token.end <= start) walk.take(token);
  const typed = word ? text.slice(start, cursor) : "";
  return { ...walk.expectation(typed), word: typed, start, end: word?.end ?? cursor };
}

/** The stack of frames after the tokens taken so far. */
class Walk {
  constructor(schema) {
    this.schema = schema;
    this.frames = [{ in: "document" }];
  }

  get top() {
    return this.frames.at(-1);
  }

  take(token) {
    STEPS[this.top.in](this, this.top, token);
  }

  push(frame) {
    this.frames.push(frame);
  }

  pop() {
    if (this.frames.length > 1) this.frames.pop();
  }

  expectation(typed) {
    if (typed.startsWith("@")) return { expect: "directive", locations: this.top.locations ?? [] };
    return EXPECTATIONS[this.top.in](this.top);
  }
}

const STEPS = {
  document(walk, frame, token) {
    if (token.text === "{") walk.push(selection(walk.schema.roots.query));
    else if (Object.hasOwn(LOCATIONS, token.text)) {
      const type = walk.schema.roots[token.text] ?? null;
      walk.push({ in: "header", kind: token.text, type, locations: [LOCATIONS[token.text]] });
    }
  },

  header(walk, frame, token) {
    if (token.text === "{") {
      walk.pop();
      walk.push(selection(frame.type));
    } else if (token.text === "(") walk.push(frame.directive ? directiveInputs(walk, frame) : { in: "variables" });
    else if (token.kind === "directive") frame.directive = token.text.slice(1);
    else if (token.kind === "name" && frame.kind === "fragment") readCondition(frame, token);
  },

  selection(walk, frame, token) {
    if (token.kind === "name") readSelected(walk, frame, token);
    else if (token.kind === "spread") Object.assign(frame, { spread: "open", condition: null, directive: null });
    else if (token.kind === "directive") {
      frame.directive = token.text.slice(1);
      if (frame.spread === "open") frame.spread = "done";
    } else if (token.text === "(") walk.push(frame.directive ? directiveInputs(walk, frame) : fieldInputs(frame));
    else if (token.text === "{") {
      const inner = frame.spread ? (frame.condition ?? frame.type) : namedType(frame.field?.type);
      Object.assign(frame, { spread: null, field: null, directive: null });
      walk.push(selection(inner));
    } else if (token.text === "}") walk.pop();
  },

  inputs(walk, frame, token) {
    if (frame.value && token.text !== ":") takeValue(walk, frame, token);
    else if (token.text === ":") frame.value = { type: frame.inputs.find(({ name }) => name === frame.name)?.type };
    else if (token.text === frame.close) walk.pop();
    else if (token.kind === "name") {
      frame.name = token.text;
      frame.used.add(token.text);
    }
  },

  list(walk, frame, token) {
    if (token.text === "]") walk.pop();
    else openValue(walk, frame.type, token);
  },

  variables(walk, frame, token) {
    if (frame.value) takeValue(walk, frame, token);
    else if (token.text === ":") Object.assign(frame, { typing: true, type: null });
    else if (token.text === "=") Object.assign(frame, { typing: false, value: { type: { name: frame.type } } });
    else if (token.text === ")") walk.pop();
    else if (token.kind === "variable") frame.typing = false;
    else if (token.kind === "name" && frame.typing) Object.assign(frame, { typing: false, type: token.text });
  },
};

const EXPECTATIONS = {
  document: () => ({ expect: "definition" }),
  header: (frame) => (frame.spread === "on" ? { expect: "condition", type: null } : { expect: "nothing" }),
  selection(frame) {
    if (frame.spread === "open") return { expect: "spread", type: frame.type };
    if (frame.spread === "on") return { expect: "condition", type: frame.type };
    return { expect: "field", type: frame.type };
  },
  inputs: (frame) =>
    frame.value
      ? { expect: "value", type: frame.value.type }
      : { expect: "input", inputs: frame.inputs.filter(({ name }) => !frame.used.has(name)) },
  list: (frame) => ({ expect: "value", type: frame.type }),
  variables(frame) {
    if (frame.value) return { expect: "value", type: frame.value.type, constant: true };
    return { expect: frame.typing ? "type" : "nothing" };
  },
};

function selection(type) {
  const locations = ["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"];
  return { in: "selection", type, field: null, spread: null, condition: null, directive: null, locations };
}

function inputs(list, close) {
  return { in: "inputs", inputs: list, close, used: new Set(), name: null, value: null };
}

function fieldInputs(frame) {
  return inputs(frame.field?.args ?? [], ")");
}

function directiveInputs(walk, frame) {
  const directive = walk.schema.directives.find(({ name }) => name === frame.directive);
  return inputs(directive?.args ?? [], ")");
}

/** Reads a name inside a selection: a field, an alias, `on`, a type condition or a fragment's name. */
function readSelected(walk, frame, token) {
  if (frame.spread === "open" || frame.spread === "on") {
    readCondition(frame, token);
    return;
  }
  Object.assign(frame, { spread: null, directive: null, field: walk.schema.field(frame.type, token.text) });
}

/** Reads the names after `...` or `fragment`: `on` opens a condition, the next name is the type. */
function readCondition(frame, token) {
  if (frame.spread === "on") {
    const property = frame.in === "header" ? "type" : "condition";
    Object.assign(frame, { spread: "done", [property]: token.text });
  } else if (token.text === "on") frame.spread = "on";
  else if (frame.in === "selection") frame.spread = null;
}

/** Takes the first token of a value: brackets open a frame, anything else is the whole value. It is kept as a name,
 * because after a missing value (`first: after: "x"`) it is the next argument's. */
function takeValue(walk, frame, token) {
  const { type } = frame.value;
  Object.assign(frame, { value: null, name: token.text });
  openValue(walk, type, token);
}

function openValue(walk, type, token) {
  const bare = nullable(type);
  if (token.text === "[") walk.push({ in: "list", type: bare?.kind === "LIST" ? bare.ofType : bare });
  else if (token.text === "{") walk.push(inputs(walk.schema.inputFields(namedType(bare)), "}"));
}
