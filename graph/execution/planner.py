"""From what is asked to a plan.

The one idea: from the root down, each object gets a generated function with everything that an
expression can write, and a slot for everything else, with the way its values are had and the plan
that completes them. What the rows of a statement are read for is known when all that hangs below it
is planned, and becomes its selection.
"""

from typing import Any

from graphql import (
    GraphQLAbstractType,
    GraphQLObjectType,
    GraphQLOutputType,
    OperationType,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path

from graph.declare import Batched, Cursor, Edges, SameRow, Selects, cached_of
from graph.document import Operation
from graph.execution.asked import Asked, AskedFields, Sources
from graph.execution.building import build_of
from graph.execution.expressions import Code, writer, written
from graph.execution.inlining import below, inline
from graph.execution.inputs import Arguments
from graph.execution.keys import KeptField, kept_field
from graph.execution.obtaining import way_to
from graph.execution.plan import (
    AbstractValue,
    FieldPlan,
    LeafValue,
    ListValue,
    ObjectPlan,
    ObjectValue,
    OperationPlan,
    Value,
)
from graph.execution.selections import Reading


def plan_operation(operation: Operation, conditions: VariableValues) -> OperationPlan:
    """The plan of an operation.

    Args:
        conditions: The values of the variables that `@skip` and `@include` name.

    Raises:
        TooLarge: It asks for too many fields.
    """
    planner = _Planner(AskedFields(operation, conditions))
    type_, fields = planner.fields.of_root()
    root = planner.object(type_, fields, None, Sources())
    return OperationPlan(
        operation=operation.node,
        fragments=dict(operation.document.fragments),
        root=root,
        is_planned=planner.is_planned,
        codes=planner.codes[::-1],
    )


class _Planner:
    """Plans the objects of one operation."""

    def __init__(self, fields: AskedFields) -> None:
        self.fields = fields
        self.is_planned = False
        self.codes: list[tuple[str, str]] = []
        # A mutation is not executed again, so each of its fields has to have a slot to fall back
        # on, and rows have everything in them.
        self._is_once = fields.operation.kind is OperationType.MUTATION

    def object(
        self, type_: GraphQLObjectType, fields: list[Asked], path: Path | None, sources: Sources
    ) -> ObjectPlan:
        """The plan of the objects at a place."""
        code = Code()
        keys, slots, all_ = {}, [], []
        for asked in fields:
            expression = inline(code, self.fields, asked, sources)
            keys[asked.key] = expression or "None"
            if expression is None or self._is_once:
                all_.append(self._field(asked, path, sources))
                slots += all_[-1:] if expression is None else []
        build, text = build_of(
            written(keys),
            code.constants,
            are_pairs=sources.are_pairs,
            are_selected=_are_selected(sources),
        )
        self.codes.append((_shown(path, type_), text))
        return ObjectPlan(
            type=type_,
            slots=tuple(slots),
            fields=tuple(all_),
            build=build,
            has_cursor=sources.are_pairs
            and any(isinstance(each.declared, Cursor) for each in fields),
        )

    def _field(self, asked: Asked, path: Path | None, sources: Sources) -> FieldPlan:
        place = Path(path, asked.key, asked.parent.name)
        reading = self._reading(asked)
        below_ = self._below(asked, sources, reading)
        value = self._value(asked, asked.type, place, below_)
        obtain, waits = way_to(asked, sources, with_cursors=_has_cursor(value))
        return FieldPlan(
            key=asked.key,
            nodes=[each.node for each in asked.details],
            definition=asked.definition,
            parent=asked.parent,
            path=place,
            strawberry=asked.strawberry,
            obtain=obtain,
            value=value,
            arguments=Arguments(asked.definition, asked.node),
            selection=None if reading is None else reading.selection(),
            kept=self._kept(asked) if path is None else None,
            waits=waits or _waits(value),
            is_checked=asked.declared is None,
        )

    def _kept(self, asked: Asked) -> KeptField | None:
        """How the answers of a root field are kept; None when they are not."""
        if self.fields.operation.kind is not OperationType.QUERY or asked.strawberry is None:
            return None
        cached = cached_of(asked.strawberry)
        return None if cached is None else kept_field(self.fields.again(), asked, cached)

    def _reading(self, asked: Asked) -> Reading | None:
        """What is read of the rows that a field heeds a selection of."""
        declared = asked.declared
        source = None
        if isinstance(declared, Selects):
            source = declared.source
        elif isinstance(declared, Batched):
            source = declared.selects
        if source is None or self._is_once:
            return None
        self.is_planned = True
        return Reading(source)

    def _below(self, asked: Asked, sources: Sources, reading: Reading | None) -> Sources:
        if isinstance(asked.declared, Edges):
            return Sources(reading=sources.reading, are_pairs=True)
        if reading is not None:
            return Sources(reading=reading)
        rows = sources.rows if isinstance(asked.declared, SameRow) else None
        return Sources(rows=rows, reading=sources.reading)

    def _value(self, asked: Asked, type_: GraphQLOutputType, path: Path, sources: Sources) -> Value:
        required = is_non_null_type(type_)
        nullable: Any = get_nullable_type(type_)
        if is_list_type(nullable):
            item = self._value(asked, nullable.of_type, path, sources)
            return ListValue(required, item, isinstance(item, ObjectValue) and sources.are_rows)
        if is_leaf_type(nullable):
            return LeafValue(required, writer(nullable))
        if is_abstract_type(nullable):
            return AbstractValue(required, nullable, self._plans(asked, nullable, path))
        return ObjectValue(required, self._below_object(asked, nullable, path, sources))

    def _plans(self, asked: Asked, type_: GraphQLAbstractType, path: Path) -> dict[str, ObjectPlan]:
        return {
            each.name: self._below_object(asked, each, path, Sources())
            for each in self.fields.schema.get_possible_types(type_)
        }

    def _below_object(
        self, asked: Asked, type_: GraphQLObjectType, path: Path, sources: Sources
    ) -> ObjectPlan:
        fields = self.fields.below(asked, type_)
        made_of = sources if sources.are_pairs else below(type_, sources)
        return self.object(type_, fields, path, made_of)


def _are_selected(sources: Sources) -> bool:
    """Whether the objects are made of rows that have little else than what is wanted."""
    if sources.are_pairs:
        return sources.reading is not None and not sources.reading.is_whole
    rows = sources.rows
    return rows is not None and rows.reading is not None and not rows.reading.is_whole


def _has_cursor(value: Value) -> bool:
    """Whether the edges of a list are asked for their cursors."""
    while isinstance(value, ListValue):
        value = value.item
    return isinstance(value, ObjectValue) and value.plan.has_cursor


def _waits(value: Value) -> bool:
    if isinstance(value, ListValue):
        return _waits(value.item)
    if isinstance(value, ObjectValue):
        return any(field.waits for field in value.plan.fields)
    # Which type an object is of may have to be waited for.
    return isinstance(value, AbstractValue)


def _shown(path: Path | None, type_: GraphQLObjectType) -> str:
    keys = [] if path is None else [str(key) for key in path.as_list()]
    return f"{'.'.join(keys) or 'root'}: {type_}"
