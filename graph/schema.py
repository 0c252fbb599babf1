"""The schema, built once a process."""

from functools import lru_cache

import strawberry
from graphql import GraphQLSchema
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig

from cache.once import MadeOnce
from graph.asking import note_fields
from graph.context import Info
from graph.mutations.root import Mutation
from graph.payloads import ERROR_TYPES
from graph.queries import Query
from graph.scalars import SCALARS
from graph.subscriptions import Subscription
from graph.types.imports import IMPORT_TYPES
from graph.types.jobs import JOB_TYPES


@MadeOnce
def build_schema() -> strawberry.Schema:
    """Everything the API offers."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[*ERROR_TYPES, *JOB_TYPES, *IMPORT_TYPES],
        config=StrawberryConfig(scalar_map=dict(SCALARS), info_class=Info),
    )
    note_fields(_core(schema))
    return schema


def core_schema() -> GraphQLSchema:
    """The same schema as graphql-core executes it."""
    return _core(build_schema())


def _core(schema: strawberry.Schema) -> GraphQLSchema:
    return schema._schema  # noqa: SLF001  # Strawberry offers no public name for it


@lru_cache(maxsize=1)
def schema_text() -> str:
    """The schema in its own language, as `schema.graphql` keeps it."""
    return print_schema(build_schema()) + "\n"
