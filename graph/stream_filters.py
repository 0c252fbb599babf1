"""The filter of a streamed list as JSON, in the words in which every export tells its own."""

from typing import Any, Final

from graphql import GraphQLField, get_named_type
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.types.scalar import DEFAULT_SCALAR_REGISTRY
from strawberry.types.arguments import convert_argument

from domain.filter_json import write_filter
from graph.scalars import SCALARS

_SCALARS: Final[dict[object, Any]] = {**DEFAULT_SCALAR_REGISTRY, **SCALARS}
_CONFIG: Final = StrawberryConfig()


def filter_as_json(field: GraphQLField, value: object) -> object:
    """What `write_filter` makes of the argument `filter` of a field; None without one.

    Args:
        value: As GraphQL coerced it.
    """
    if value is None:
        return None
    type_: Any = get_named_type(field.args["filter"].type)
    origin = type_.extensions["strawberry-definition"].origin
    filter_: Any = convert_argument(value, origin, _SCALARS, _CONFIG)
    return write_filter(filter_)
