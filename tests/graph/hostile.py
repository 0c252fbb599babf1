"""Documents that would hurt a server which takes them at their word, and what each is told."""

from dataclasses import dataclass
from typing import Any, Final

import orjson

PARSE = "GRAPHQL_PARSE_FAILED"
VALIDATION = "GRAPHQL_VALIDATION_FAILED"
COMPLEX = "QUERY_TOO_COMPLEX"
DEEP = "QUERY_TOO_DEEP"
INPUT = "BAD_USER_INPUT"
CURSOR = "CURSOR_INVALID"


@dataclass(frozen=True)
class Hostile:
    """A request.

    Attributes:
        code: What it is told; None where it is harmless, and answered.
    """

    code: str | None
    query: str
    variables: dict[str, Any] | None = None

    @property
    def body(self) -> bytes:
        """As it is sent."""
        return orjson.dumps({"query": self.query, "variables": self.variables})


def _chain(length: int, inside: str, *, last: str, of: str = "Query") -> str:
    """Fragments each of which has the next one, by what is inside of each."""
    parts = [
        f" fragment F{at} on {of} {{ {inside.replace('NEXT', f'...F{at + 1}')} }}"
        for at in range(length)
    ]
    return "".join(parts) + f" fragment F{length} on {of} {{ {last} }}"


def _nested(levels: int, *, first: int | None = None, inner: str = "id") -> str:
    """Contacts of companies of contacts."""
    size = "" if first is None else f"(first: {first})"
    for _ in range(levels):
        inner = f"company {{ contacts{size} {{ nodes {{ {inner} }} }} }}"
    return f"{{ contacts{size} {{ nodes {{ {inner} }} }} }}"


def _type_of_type(levels: int) -> str:
    return "kind " + "ofType { kind " * levels + "}" * levels


_WIDE: Final = " ".join(f"a{n}: __typename" for n in range(20))
_EVERY_LIST: Final = "fields { type { fields { type { fields { type { fields { name } } } } } } }"


def _doubled(levels: int) -> dict[str, Any]:
    """A filter that has itself twice at each level: one object of ours, many in JSON."""
    filter_: dict[str, Any] = {"title": {"eq": "a"}}
    for _ in range(levels):
        filter_ = {"and": [filter_], "or": [filter_]}
    return filter_


def _beside(count: int, arguments: str) -> str:
    return " ".join(f"a{n}: contacts({arguments}) {{ totalCount }}" for n in range(count))


_FILTERED: Final = "query ($f: ContactFilter) { contacts(filter: $f) { totalCount } }"
_ORDERED: Final = "query ($o: [ContactOrder!]) { contacts(orderBy: $o) { totalCount } }"
_UPSERTED: Final = """mutation ($input: UpsertContactsInput!) {
    upsertContacts(input: $input) { counts { created } } }"""

HOSTILE: Final[dict[str, Hostile]] = {
    # Fragments.
    "fragments that double 30 times": Hostile(
        COMPLEX, "{ ...F0 }" + _chain(30, "NEXT NEXT", last="__typename")
    ),
    "aliases that double 30 times": Hostile(
        COMPLEX, "{ ...F0 }" + _chain(30, "a: __typename NEXT NEXT", last="__typename")
    ),
    "fragments that double in fields": Hostile(
        COMPLEX,
        "{ contacts { nodes { ...F0 } } }"
        + _chain(8, "a: mergedInto { NEXT } b: mergedInto { NEXT }", last="id", of="Contact"),
    ),
    "fragments that double 30 times in fields": Hostile(
        COMPLEX,
        "{ contacts { nodes { ...F0 } } }"
        + _chain(30, "x: mergedInto { NEXT } y: mergedInto { NEXT }", last="id", of="Contact"),
    ),
    "ten fragments ten times each": Hostile(
        COMPLEX, "{ ...F0 }" + _chain(10, "NEXT " * 10, last="__typename")
    ),
    "a fragment in itself": Hostile(VALIDATION, "{ ...F } fragment F on Query { ...F }"),
    "fragments in each other": Hostile(
        VALIDATION,
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...C }"
        " fragment C on Query { ...A ...B ...C }",
    ),
    "fragments that double in a circle": Hostile(
        COMPLEX, "{ ...F0 }" + _chain(20, "NEXT NEXT", last="...F0 ...F0 __typename")
    ),
    "a circle that nothing spreads": Hostile(
        VALIDATION,
        "{ __typename } fragment A on Query { ...B } fragment B on Query { ...A }",
    ),
    "a long chain of fragments": Hostile(
        DEEP, "{ ...F0 }" + _chain(240, "NEXT", last="__typename")
    ),
    "a bomb that nothing spreads": Hostile(
        COMPLEX,
        "{ __typename }" + _chain(30, "__typename NEXT NEXT", last="__typename"),
    ),
    "fields that nothing spreads": Hostile(
        VALIDATION, "{ __typename } fragment F on Query {" + " viewer { id }" * 196 + " }"
    ),
    "fields of many fragments that nothing spreads": Hostile(
        VALIDATION,
        "{ __typename }"
        + "".join(f" fragment F{n} on Query {{{' viewer { id }' * 66}}}" for n in range(3)),
    ),
    "fragments of the same name": Hostile(
        VALIDATION, "{ ...F }" + " fragment F on Query { __typename }" * 100
    ),
    "a fragment of no type": Hostile(
        VALIDATION, "{ ...F } fragment F on Nothing { ...F __typename }"
    ),
    # Width.
    "1 000 aliases": Hostile(PARSE, "{" + " ".join(f"a{n}: __typename" for n in range(1000)) + "}"),
    "500 aliases": Hostile(COMPLEX, "{" + " ".join(f"a{n}: __typename" for n in range(500)) + "}"),
    "1 000 aliases through fragments": Hostile(
        COMPLEX, "{ " + "...F0 " * 50 + "}" + _chain(0, "", last=_WIDE)
    ),
    "500 lists beside each other": Hostile(
        COMPLEX, "{" + " ".join(f"a{n}: contacts {{ totalCount }}" for n in range(300)) + "}"
    ),
    "one field a thousand times": Hostile(COMPLEX, "{" + " __typename" * 1000 + "}"),
    "fields that have to be merged": Hostile(
        COMPLEX, "{ contacts { nodes {" + " id" * 600 + "} } }"
    ),
    "selections that have to be merged": Hostile(
        COMPLEX, "{" + " contacts { nodes { id title } }" * 100 + "}"
    ),
    "as many to be merged as there may be": Hostile(
        None, "{" + " contacts { nodes { id title } }" * 35 + "}"
    ),
    "as many that cannot be merged": Hostile(
        VALIDATION,
        "{" + "".join(f" contacts(first: {n}) {{ totalCount }}" for n in range(50)) + "}",
    ),
    "fragments beside each other": Hostile(
        COMPLEX,
        "{ contacts { nodes { "
        + " ".join(f"...F{n}" for n in range(150))
        + " } } }"
        + "".join(f" fragment F{n} on Contact {{ id }}" for n in range(150)),
    ),
    "unknown fields": Hostile(VALIDATION, "{" + " ".join(f"x{n}" for n in range(400)) + "}"),
    "unknown arguments": Hostile(
        VALIDATION, "{ contacts(" + " ".join(f"x{n}: 1" for n in range(400)) + ") { totalCount } }"
    ),
    "unknown types": Hostile(
        COMPLEX, "{" + " ".join(f"... on X{n} {{ a }}" for n in range(300)) + "}"
    ),
    "a thousand operations": Hostile(PARSE, " ".join(f"query Q{n} {{ a }}" for n in range(1000))),
    "three hundred operations": Hostile(
        COMPLEX, " ".join(f"query Q{n} {{ __typename }}" for n in range(300))
    ),
    "too many tokens": Hostile(COMPLEX, "{" + " a" * 100_000 + "}"),
    # Directives.
    "a field with 500 directives": Hostile(COMPLEX, "{ __typename" + " @a" * 500 + " }"),
    "directives that are known": Hostile(
        COMPLEX, "{ __typename" + " @skip(if: false)" * 200 + " }"
    ),
    "directives through fragments": Hostile(
        COMPLEX, "{ ...F0 }" + _chain(20, "NEXT @skip(if: false) NEXT", last="__typename")
    ),
    "directives of variables": Hostile(
        COMPLEX, "query ($a: Int" + " @a" * 100 + ") { __typename }"
    ),
    "directives of an operation": Hostile(COMPLEX, "query" + " @a" * 100 + " { __typename }"),
    # Depth.
    "100 000 levels": Hostile(INPUT, "{a" * 100_000 + "}" * 100_000),
    "100 000 levels that never end": Hostile(INPUT, "{a" * 100_000),
    "100 000 levels of lists": Hostile(
        INPUT, "{ contacts(after: " + "[" * 100_000 + "]" * 100_000 + ") { totalCount } }"
    ),
    "100 000 levels of objects": Hostile(
        INPUT, "{ contacts(filter: " + "{not: " * 100_000 + "}" * 100_000 + ") { totalCount } }"
    ),
    "a type of 1 000 lists": Hostile(PARSE, "query ($a: " + "[" * 1000 + "Int" + "]" * 1000),
    "brackets that never close": Hostile(COMPLEX, "(" * 1_000_000),
    "twelve levels": Hostile(DEEP, _nested(3)),
    "levels through fragments": Hostile(
        DEEP,
        "{ contacts { nodes { ...F0 } } }"
        + _chain(12, "mergedInto { NEXT }", last="id", of="Contact"),
    ),
    # Pages.
    "a page of a billion": Hostile(
        None, "query ($n: Int) { contacts(first: $n) { nodes { id } } }", {"n": 10**9}
    ),
    "pages in pages": Hostile(COMPLEX, _nested(2)),
    "pages of a thousand in pages": Hostile(COMPLEX, _nested(2, first=1000)),
    "twenty pages of a thousand and one": Hostile(
        COMPLEX,
        "{"
        + " ".join(f"a{n}: contacts(first: 1000) {{ nodes {{ id }} }}" for n in range(21))
        + "}",
    ),
    "100 000 ids": Hostile(
        INPUT, "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["x"] * 100_000}
    ),
    # The schema.
    "a circle of the schema": Hostile(DEEP, "{ __schema { types { " + _EVERY_LIST + " } } }"),
    "a circle of the schema through fragments": Hostile(
        DEEP,
        "{ __schema { types { ...F0 } } }"
        + _chain(5, "fields { type { NEXT } }", last="name", of="__Type"),
    ),
    "types in types": Hostile(DEEP, '{ __type(name: "Query") { ' + _type_of_type(25) + " } }"),
    "the schema below __type under another name": Hostile(
        DEEP,
        '{ x: __type(name: "Query") { possibleTypes { interfaces { possibleTypes { interfaces'
        " { name } } } } } }",
    ),
    "data under the name of the schema": Hostile(
        DEEP, "{ __schema: " + _nested(3).removeprefix("{ ")
    ),
    "a fragment of the name of the schema": Hostile(
        DEEP, "{ ...__schema } fragment __schema on Query " + _nested(3)
    ),
    "the name of the schema as an argument": Hostile(
        VALIDATION, "{ contacts(__schema: 1) { __schema { types { name } } } }"
    ),
    "the schema below data": Hostile(
        VALIDATION, "{ contacts { nodes { __schema { types { name } } } } }"
    ),
    # Values.
    "a huge text as a variable": Hostile(
        CURSOR, "query ($s: String) { contacts(after: $s) { totalCount } }", {"s": "x" * 3_000_000}
    ),
    "a huge text for a number": Hostile(
        INPUT, "query ($n: Int) { contacts(first: $n) { totalCount } }", {"n": "9" * 3_000_000}
    ),
    "a huge list as a variable": Hostile(
        INPUT,
        "query ($f: ContactFilter) { contacts(filter: $f) { totalCount } }",
        {"f": {"title": {"in": ["x"] * 50_000}}},
    ),
    "a list of wrong values": Hostile(
        INPUT,
        "query ($f: ContactFilter) { contacts(filter: $f) { totalCount } }",
        {"f": {"and": [{"nothing": 1}] * 100_000}},
    ),
    "98 000 objects in a filter": Hostile(INPUT, _FILTERED, {"f": {"or": [{}] * 98_000}}),
    "2 000 objects in a filter": Hostile(INPUT, _FILTERED, {"f": {"or": [{}] * 2000}}),
    "a filter as large as it is looked at": Hostile(INPUT, _FILTERED, {"f": {"or": [{}] * 399}}),
    "a filter that doubles": Hostile(INPUT, _FILTERED, {"f": _doubled(14)}),
    "250 000 unknown fields": Hostile(
        INPUT, _FILTERED, {"f": {f"x{n}": 1 for n in range(250_000)}}
    ),
    "a field of a million characters": Hostile(INPUT, _FILTERED, {"f": {"x" * 1_000_000: 1}}),
    "a million values of the wrong type": Hostile(
        INPUT, _FILTERED, {"f": {"title": {"in": [1] * 1_000_000}}}
    ),
    "an object for a text": Hostile(
        INPUT, _FILTERED, {"f": {"title": {"eq": {f"x{n}": [n] for n in range(90_000)}}}}
    ),
    "an order of 60 000": Hostile(INPUT, _ORDERED, {"o": [{"field": "TITLE"}] * 60_000}),
    "an order of 2 000": Hostile(INPUT, _ORDERED, {"o": [{"field": "TITLE"}] * 2000}),
    "a filter 30 times": Hostile(
        INPUT,
        "query ($f: ContactFilter) {" + _beside(30, "filter: $f") + "}",
        {"f": {"or": [{}] * 190}},
    ),
    "a filter 300 times in another": Hostile(
        INPUT,
        "query ($f: ContactFilter!) { contacts(filter: {or: ["
        + "$f " * 300
        + "]}) { totalCount } }",
        {"f": {"or": [{}] * 49}},
    ),
    "a list 300 times in a filter": Hostile(
        INPUT,
        "query ($f: [ContactFilter!]) { contacts(filter: {or: ["
        + "{or: $f} " * 300
        + "]}) { totalCount } }",
        {"f": [{}] * 190},
    ),
    "filters that are written out": Hostile(
        None, "{" + _beside(20, "filter: {or: [" + "{} " * 20 + "]}") + "}"
    ),
    "45 000 rows": Hostile(INPUT, _UPSERTED, {"input": {"rows": [{}] * 45_000}}),
    "a row of 90 000 addresses": Hostile(
        INPUT, _UPSERTED, {"input": {"rows": [{"emails": [{"address": "a"}] * 90_000}]}}
    ),
    "wrong variables": Hostile(
        INPUT,
        "query ("
        + " ".join(f"$v{n}: Int!" for n in range(30))
        + ") {"
        + " ".join(f"c{n}: contactsCount(limit: $v{n}) {{ count }}" for n in range(30))
        + "}",
    ),
    "variables that nobody asked for": Hostile(
        None, "{ __typename }", {f"v{n}": n for n in range(100_000)}
    ),
    "a variable of many names": Hostile(
        VALIDATION, "query (" + " ".join("$a: Int" for _ in range(400)) + ") { __typename }"
    ),
    "a number of 10 000 digits": Hostile(
        VALIDATION, "{ contacts(first: " + "9" * 10_000 + ") { totalCount } }"
    ),
    "a number of 10 000 digits as a default": Hostile(
        VALIDATION,
        "query ($n: Int = " + "9" * 10_000 + ") { contacts(first: $n) { totalCount } }",
    ),
    "a float of 10 000 digits": Hostile(
        VALIDATION, "{ contacts(first: 1e" + "9" * 10_000 + ") { totalCount } }"
    ),
    "a literal list of many": Hostile(PARSE, "{ nodes(ids: [" + '"x" ' * 5000 + "]) { id } }"),
    # Texts.
    "a name of a million characters": Hostile(COMPLEX, "{ " + "x" * 1_000_000 + " }"),
    "an alias of a million characters": Hostile(COMPLEX, "{ " + "x" * 1_000_000 + ": __typename }"),
    "a comment full of brackets": Hostile(INPUT, "#" + "{[(" * 100_000 + "\n{ __typename }"),
    "a text full of brackets": Hostile(
        INPUT, '{ contacts(after: "' + "{[(" * 100_000 + '") { totalCount } }'
    ),
    "a block string full of brackets": Hostile(
        INPUT, '{ contacts(after: """' + '{[( \\""" ' * 50_000 + '""") { totalCount } }'
    ),
    "a block string of many lines": Hostile(
        COMPLEX, '{ contacts(after: """' + "\n  x" * 200_000 + '""") { totalCount } }'
    ),
    "a text that never ends": Hostile(COMPLEX, '{ contacts(after: "' + "x" * 1_000_000),
    "a block string that never ends": Hostile(COMPLEX, '{ contacts(after: """' + '\\"""' * 200_000),
    "quotes that never end": Hostile(COMPLEX, '"' * 300_001),
    "escapes without an end": Hostile(
        INPUT, '{ contacts(after: "' + "\\u{" * 100_000 + '") { totalCount } }'
    ),
    "half a surrogate": Hostile(PARSE, '{ contacts(after: "\\uD800") { totalCount } }'),
    "a byte order mark": Hostile(None, "\ufeff{ __typename }"),
    "byte order marks": Hostile(COMPLEX, "\ufeff" * 100_000 + "{ __typename }"),
    "commas": Hostile(COMPLEX, "{" + "," * 1_000_000 + "__typename }"),
    "line breaks": Hostile(COMPLEX, "\n" * 1_000_000 + "{ __typename }"),
    "line breaks before an error": Hostile(COMPLEX, "\n" * 1_000_000 + "{ nothing }"),
    "a NUL": Hostile(PARSE, "{ \0 }"),
    "a long name": Hostile(VALIDATION, "{ " + "x" * 90_000 + " }"),
    "a long alias": Hostile(None, "{ " + "x" * 90_000 + ": __typename }"),
    "a long comment full of brackets": Hostile(None, "#" + "{[(" * 30_000 + "\n{ __typename }"),
    "a long text full of brackets": Hostile(
        CURSOR, '{ contacts(after: "' + "{[(" * 30_000 + '") { totalCount } }'
    ),
    "a long block string full of brackets": Hostile(
        CURSOR, '{ contacts(after: """' + '{[( \\""" ' * 10_000 + '""") { totalCount } }'
    ),
    "a block string of 20 000 lines": Hostile(
        CURSOR, '{ contacts(after: """' + "\n  x" * 20_000 + '""") { totalCount } }'
    ),
    "a long text that never ends": Hostile(PARSE, '{ contacts(after: "' + "x" * 90_000),
    "a long block string that never ends": Hostile(
        PARSE, '{ contacts(after: """' + '\\"""' * 20_000
    ),
    "90 000 quotes": Hostile(PARSE, '"' * 90_001),
    "20 000 escapes": Hostile(
        PARSE, '{ contacts(after: "' + "\\u{" * 20_000 + '") { totalCount } }'
    ),
    "90 000 byte order marks": Hostile(None, "\ufeff" * 90_000 + "{ __typename }"),
    "90 000 commas": Hostile(None, "{" + "," * 90_000 + "__typename }"),
    "90 000 line breaks before an error": Hostile(VALIDATION, "\n" * 90_000 + "{ nothing }"),
    "10 000 levels": Hostile(PARSE, "{a" * 10_000 + "}" * 10_000),
    "10 000 levels of lists": Hostile(
        PARSE, "{ contacts(after: " + "[" * 10_000 + "]" * 10_000 + ") { totalCount } }"
    ),
    "10 000 levels of objects": Hostile(
        PARSE, "{ contacts(filter: " + "{not: " * 10_000 + "}" * 10_000 + ") { totalCount } }"
    ),
    # Other things that are no operation.
    "definitions of types": Hostile(VALIDATION, "{ __typename }" + " type A { a: Int }" * 200),
    "a definition of directives": Hostile(
        VALIDATION, "{ __typename } directive @a repeatable on FIELD"
    ),
    "nothing but a fragment": Hostile(VALIDATION, "fragment A on Query { __typename }"),
}
