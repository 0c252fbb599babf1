"""The thin hook into Strawberry and graphql-core: what their executors give to resolvers and types.

The one idea: resolvers, `is_type_of` and `resolve_type` are called with what they are always called
with, so nothing that is written for the schema has to know who executes it. One thing is not the
same: the path in the info has no positions in lists, as one info is for all objects of a field.
"""

from collections.abc import Callable, Mapping
from inspect import isawaitable
from types import SimpleNamespace
from typing import Any, Final, cast

import strawberry
from graphql import (
    GraphQLAbstractType,
    GraphQLError,
    GraphQLResolveInfo,
    default_field_resolver,
    default_type_resolver,
    get_nullable_type,
    is_leaf_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.values import VariableValues
from graphql.pyutils import gather_with_cancel, inspect
from graphql.pyutils.is_awaitable import is_awaitable
from graphql.type import GraphQLResolveInfoHelpers
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.field import StrawberryField

from graph.context import Context, Info
from graph.execution.plan import FieldPlan, ObjectPlan, OperationPlan

_HELPERS: Final = GraphQLResolveInfoHelpers(
    gather=lambda values: gather_with_cancel(*values), track=lambda _values: None
)


class Environment:
    """What is the same for all operations of a schema."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self.schema = schema._schema  # noqa: SLF001  # Strawberry offers no public name for it
        self._config = schema.config
        self._arguments: dict[int, Mapping[str, tuple[StrawberryArgument, bool]]] = {}
        self._scalars: Mapping[Any, Any] = schema.schema_converter.scalar_registry

    def info(
        self, field: FieldPlan, plan: OperationPlan, variables: VariableValues, context: Context
    ) -> Info:
        """What the resolver of a field is told."""
        raw = GraphQLResolveInfo(
            field.name,
            field.nodes,
            field.definition.type,
            field.parent,
            field.path,
            self.schema,
            plan.fragments,
            None,
            plan.operation,
            variables,
            context,
            is_awaitable,
            None,
            _HELPERS,
        )
        info = Info(_raw_info=raw, _field=cast("StrawberryField", field.strawberry))
        if field.selection is not None:
            info.selection = field.selection
            info.is_alone = plan.root.slots == (field,)
        return info

    def convert(self, field: FieldPlan, arguments: Mapping[str, Any], info: Info) -> dict[str, Any]:
        """Coerced arguments as the Python function behind the field takes them, by name."""
        converted = {}
        for name, (argument, is_leaf) in self._known(field).items():
            if name in arguments:
                value = arguments[name]
                converted[argument.python_name] = (
                    value
                    if is_leaf or value is None
                    else convert_argument(
                        value, argument.type, self._scalars, self._config, info, path=(name,)
                    )
                )
        return converted

    def _known(self, field: FieldPlan) -> Mapping[str, tuple[StrawberryArgument, bool]]:
        """The arguments of a field by their names in the schema, and whether each is a leaf."""
        known = self._arguments.get(id(field.definition))
        if known is None:
            name_of, types = self._config.name_converter.from_argument, field.definition.args
            arguments = cast("StrawberryField", field.strawberry).arguments
            known = {
                name_of(each): (each, is_leaf_type(get_nullable_type(types[name_of(each)].type)))
                for each in arguments
            }
            self._arguments[id(field.definition)] = known
        return known

    def resolver(self, field: FieldPlan) -> Callable[..., Any]:
        """What graphql-core would call for a field."""
        return field.definition.resolve or default_field_resolver

    async def check(
        self, info: Info, field: FieldPlan, plan: ObjectPlan, value: Any
    ) -> Exception | None:
        """Why a value is not of the type of a plan; None when it is."""
        is_type_of = plan.type.is_type_of
        if is_type_of is None:
            return None
        try:
            found = is_type_of(value, info.raw)
            if await found if isawaitable(found) else found:
                return None
        except Exception as error:  # noqa: BLE001  # becomes an error of the answer
            return error
        text = f"Expected value of type '{plan.type}' but got: {inspect(value)}."
        return GraphQLError(text, field.nodes)

    async def type_of(
        self, info: Info, field: FieldPlan, type_: GraphQLAbstractType, value: Any
    ) -> str:
        """The name of the type that a value is of.

        Raises:
            GraphQLError: It is of none that is possible here.
        """
        raw = info.raw
        found = (type_.resolve_type or default_type_resolver)(value, raw, type_)
        name = await found if isawaitable(found) else found
        details = [FieldDetails(node, None) for node in field.nodes]
        # The words of its errors are graphql-core's own; it asks nothing of itself but the schema.
        refusing: Any = SimpleNamespace(schema=self.schema)
        found_type = Executor.ensure_valid_runtime_type(refusing, name, type_, details, raw, value)
        return found_type.name
