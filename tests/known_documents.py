"""Documents that graphql-core has found valid need not be looked at by it again.

The schema is one for the whole process, and applications by the thousand are sent the same
documents: each keeps its own, so each would have them validated once more. Whatever is not valid
is looked at every time, and so is everything in a test for one executor, which may measure it.
"""

from collections.abc import Collection
from hashlib import sha256
from typing import Any, Final

from graphql import ASTValidationRule, DocumentNode, GraphQLError, GraphQLSchema, validate

from tests.both_executors import COMPARING

_valid: Final[set[tuple[Any, ...]]] = set()


def validated(
    schema: GraphQLSchema,
    tree: DocumentNode,
    rules: Collection[type[ASTValidationRule]] | None = None,
    max_errors: int | None = None,
) -> list[GraphQLError]:
    """What graphql-core finds wrong with a document."""
    if not COMPARING:
        return validate(schema, tree, rules, max_errors)
    assert tree.loc is not None
    # Not the text itself: some have a megabyte.
    text = sha256(tree.loc.source.body.encode(errors="surrogatepass")).digest()
    key = (schema, text, None if rules is None else tuple(rules))
    if key in _valid:
        return []
    errors = validate(schema, tree, rules, max_errors)
    if not errors:
        _valid.add(key)
    return errors
