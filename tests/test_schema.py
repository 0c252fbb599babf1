"""The GraphQL schema as a whole: it is kept in a file, it has words, and mutations look alike."""

import re
from collections.abc import Iterator
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_introspection_type,
    is_specified_scalar_type,
)

from graph.schema import core_schema, schema_text

FILE = Path(__file__).parent.parent / "schema.graphql"


Described = Iterator[tuple[str, str | None]]
"""Places in the schema with the description each has."""


def described() -> Described:
    """Everything that can have a description."""
    for type_ in core_schema().type_map.values():
        if is_introspection_type(type_) or is_specified_scalar_type(type_):
            continue
        yield type_.name, type_.description
        if isinstance(type_, GraphQLEnumType):
            yield from ((f"{type_.name}.{name}", v.description) for name, v in type_.values.items())
        elif isinstance(type_, GraphQLInputObjectType):
            yield from ((f"{type_.name}.{name}", f.description) for name, f in type_.fields.items())
        elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            yield from described_fields(type_)


def described_fields(type_: GraphQLObjectType | GraphQLInterfaceType) -> Described:
    """The fields of a type and their arguments."""
    for name, field in type_.fields.items():
        yield f"{type_.name}.{name}", field.description
        for argument_name, argument in field.args.items():
            yield f"{type_.name}.{name}({argument_name})", argument.description


def test_file_is_what_the_code_says() -> None:
    """Whoever changes the schema sees it in a diff; `make schema` writes the file."""
    assert FILE.read_text() == schema_text()


def test_everything_in_the_schema_has_a_description() -> None:
    """Types, fields, arguments, inputs and enum values say what they are."""
    places = dict(described())
    assert len(places) > 500
    assert [place for place, words in places.items() if not (words or "").strip()] == []


def test_descriptions_are_sentences() -> None:
    """A description begins like a sentence, ends like one and is more than the name again."""
    for place, words in described():
        assert words is not None
        assert words[-1] in ".`", place
        assert words[0].isupper() or words[0] in "`0123456789", place


def test_every_mutation_takes_one_input_and_answers_a_payload() -> None:
    """`createThing(input: CreateThingInput!): CreateThingPayload!`, with the same three parts."""
    mutation = core_schema().mutation_type
    assert mutation is not None
    assert len(mutation.fields) == 38
    for name, field in mutation.fields.items():
        kind = name[0].upper() + name[1:]
        assert {key: str(argument.type) for key, argument in field.args.items()} == {
            "input": f"{kind}Input!"
        }
        assert str(field.type) == f"{kind}Payload!"
        payload = get_named_type(field.type)
        assert isinstance(payload, GraphQLObjectType)
        assert str(payload.fields["userErrors"].type) == "[UserError!]!"
        assert str(payload.fields["clientMutationId"].type) == "String"
        given = get_named_type(field.args["input"].type)
        assert isinstance(given, GraphQLInputObjectType)
        assert str(given.fields["clientMutationId"].type) == "String"


def test_every_connection_has_the_same_shape() -> None:
    """Lists that grow are connections: nothing in them is null, and pages are asked for alike."""
    for type_ in core_schema().type_map.values():
        if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            continue
        for name, field in type_.fields.items():
            answer = get_named_type(field.type)
            if not answer.name.endswith("Connection"):
                continue
            assert isinstance(answer, GraphQLObjectType)
            assert str(field.type) == f"{answer.name}!"
            paging = {"first": "Int", "after": "String", "last": "Int", "before": "String"}
            taken = {key: str(argument.type) for key, argument in field.args.items()}
            assert paging.items() <= taken.items(), f"{type_.name}.{name}"
            thing = answer.name.removesuffix("Connection")
            assert {key: str(part.type) for key, part in answer.fields.items()} == {
                "edges": f"[{thing}Edge!]!",
                "nodes": f"[{thing}!]!",
                "pageInfo": "PageInfo!",
                "totalCount": "Int!",
            }


def test_no_list_holds_nulls_but_nodes() -> None:
    """A list never has holes, except where the place of an id must be kept."""
    with_holes = [
        f"{type_.name}.{name}"
        for type_ in core_schema().type_map.values()
        if isinstance(type_, GraphQLObjectType) and not is_introspection_type(type_)
        for name, field in type_.fields.items()
        if isinstance(inner := get_nullable_type(field.type), GraphQLList)
        and not isinstance(inner.of_type, GraphQLNonNull)
    ]
    assert with_holes == ["Query.nodes"]


DEPRECATED = re.compile(r"Use .+\. Removal not before \d{4}-\d\d-\d\d\.")


def deprecations(schema: GraphQLSchema) -> Iterator[tuple[str, str]]:
    """Fields, arguments, inputs and enum values that are to leave, with the reason."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLEnumType):
            members = dict(type_.values)
        elif isinstance(type_, GraphQLInputObjectType | GraphQLObjectType | GraphQLInterfaceType):
            members = dict(type_.fields)
        else:
            continue
        for name, member in members.items():
            arguments = getattr(member, "args", {})
            for place, each in ((name, member), *arguments.items()):
                if each.deprecation_reason is not None:
                    yield f"{type_.name}.{place}", each.deprecation_reason


def undated(schema: GraphQLSchema) -> list[str]:
    """What is to leave without saying what to use and until when."""
    return [place for place, reason in deprecations(schema) if not DEPRECATED.fullmatch(reason)]


def test_what_is_deprecated_says_what_to_use_and_until_when() -> None:
    """As docs/compatibility.md promises."""
    planted = build_schema(
        """type Query {
          good: Int @deprecated(reason: "Use better. Removal not before 2027-05-31.")
          bad(old: Int @deprecated(reason: "Old.")): Int @deprecated
        }"""
    )
    assert undated(planted) == ["Query.bad", "Query.old"]
    assert undated(core_schema()) == []
