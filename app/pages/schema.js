// The schema as the server tells it by introspection, and questions to it.

const INTROSPECTION = `query ExplorerSchema {
  __schema {
    description
    queryType { name }
    mutationType { name }
    subscriptionType { name }
    types {
      kind name description specifiedByURL
      fields(includeDeprecated: true) {
        name description isDeprecated deprecationReason
        args(includeDeprecated: true) { ...Input }
        type { ...Ref }
      }
      inputFields(includeDeprecated: true) { ...Input }
      interfaces { name }
      enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
      possibleTypes { name }
    }
    directives { name description locations args(includeDeprecated: true) { ...Input } }
  }
}
fragment Input on __InputValue { name description defaultValue isDeprecated deprecationReason type { ...Ref } }
fragment Ref on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } }`;

const COMPOSITE = new Set(["OBJECT", "INTERFACE", "UNION"]);
const INPUT = new Set(["SCALAR", "ENUM", "INPUT_OBJECT"]);
const TYPENAME = {
  name: "__typename",
  description: "The name of the object's type.",
  args: [],
  type: { kind: "NON_NULL", ofType: { kind: "SCALAR", name: "String" } },
};

/** The request that asks a server for its schema. */
export const introspectionRequest = { query: INTROSPECTION, operationName: "ExplorerSchema" };

/** A type reference without its non-null mark. */
export function nullable(ref) {
  return ref?.kind === "NON_NULL" ? ref.ofType : ref;
}

/** The name at the heart of a type reference: `[Contact!]!` is about `Contact`. */
export function namedType(ref) {
  let inner = ref;
  while (inner?.ofType) inner = inner.ofType;
  return inner?.name ?? null;
}

/** A type reference as GraphQL writes it. */
export function typeText(ref) {
  if (ref?.kind === "NON_NULL") return `${typeText(ref.ofType)}!`;
  if (ref?.kind === "LIST") return `[${typeText(ref.ofType)}]`;
  return ref?.name ?? "?";
}

/** An argument or input field as GraphQL writes it: name, type, default. */
export function inputText(input) {
  const fallback = input.defaultValue == null ? "" : ` = ${input.defaultValue}`;
  return `${input.name}: ${typeText(input.type)}${fallback}`;
}

/** One server's schema: types by name, root types, and what may stand where. */
export class Schema {
  constructor(introspection) {
    this.description = introspection.description;
    this.directives = introspection.directives;
    this.types = new Map(introspection.types.map((type) => [type.name, type]));
    this.roots = {
      query: introspection.queryType?.name ?? null,
      mutation: introspection.mutationType?.name ?? null,
      subscription: introspection.subscriptionType?.name ?? null,
    };
  }

  /** The type of this name, or null. */
  type(name) {
    return this.types.get(name) ?? null;
  }

  /** The types people write about: without introspection's own. */
  get ownTypes() {
    return [...this.types.values()].filter((type) => !type.name.startsWith("__"));
  }

  /** The fields that may be selected on a type, `__typename` last. */
  fields(typeName) {
    const type = this.type(typeName);
    return type && COMPOSITE.has(type.kind) ? [...(type.fields ?? []), TYPENAME] : [];
  }

  /** One field of a type, or null. */
  field(typeName, name) {
    return this.fields(typeName).find((field) => field.name === name) ?? null;
  }

  /** The fields of an input object, empty for other types. */
  inputFields(typeName) {
    return this.type(typeName)?.inputFields ?? [];
  }

  /** Whether a value of this type needs a selection of its own. */
  isComposite(typeName) {
    return COMPOSITE.has(this.type(typeName)?.kind);
  }

  /** The types that variables may have. */
  get inputTypes() {
    return this.ownTypes.filter((type) => INPUT.has(type.kind));
  }

  /** The types a fragment inside `typeName` may be on; all composite types when that is unknown. */
  conditions(typeName) {
    const composite = this.ownTypes.filter((type) => COMPOSITE.has(type.kind));
    if (!typeName) return composite;
    const here = this.#possible(typeName);
    return composite.filter((type) => [...this.#possible(type.name)].some((name) => here.has(name)));
  }

  #possible(typeName) {
    const possible = this.type(typeName)?.possibleTypes;
    return new Set(possible?.map((type) => type.name) ?? [typeName]);
  }
}
