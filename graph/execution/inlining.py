"""Which fields an expression can write, and the expression.

The one idea: a field that is declared as a column, as an id or as a part of its row needs nobody to
be asked; and where a selection reaches the statement, neither does a relation to one row, because a
join brings its columns along. Such fields are written in place, however deep they are nested.
"""

from typing import Any

from graphql import get_nullable_type, is_object_type
from strawberry.types.fields.resolver import StrawberryResolver

from domain.node_ids import node_id_writer
from graph.declare import Batched, Column, Cursor, RowId, SameRow, table_of
from graph.execution.asked import Asked, AskedFields, Sources
from graph.execution.expressions import CURSOR, ROW, Code, written
from graph.execution.selections import Rows


def inline(code: Code, fields: AskedFields, asked: Asked, sources: Sources) -> str | None:
    """The expression of a field; None where it takes more than an expression."""
    declared = asked.declared
    if asked.name == "__typename":
        return repr(asked.parent.name)
    if isinstance(declared, Cursor):
        return _cursor(code, asked, sources)
    if sources.are_pairs or isinstance(declared, SameRow):
        return _part(code, fields, asked, sources)
    if isinstance(declared, Column):
        return _column(code, asked, declared, sources.rows)
    if isinstance(declared, RowId | Batched):
        return _of_row(code, fields, asked, sources.rows)
    is_partial = sources.rows is not None and sources.rows.reading is not None
    return _computed(code, asked) if declared is None and not is_partial else None


def below(type_: Any, sources: Sources) -> Sources:
    """What the objects of a type are made of that stand below others.

    Args:
        sources: What leads to them; its rows are theirs where the type is a part of a row.
    """
    table = table_of_type(type_)
    if table is None:
        return Sources(reading=sources.reading)
    return Sources(rows=Rows(table, sources.reading) if table else sources.rows)


def table_of_type(type_: Any) -> str | None:
    """Of which table the objects of a type of the schema are rows; None when they are none."""
    definition = (getattr(type_, "extensions", None) or {}).get("strawberry-definition")
    return None if definition is None else table_of(definition.origin)


def _item(column: str) -> str:  # as `expressions.ITEM` finds it
    return f"{ROW}[{column!r}]"


def _cursor(code: Code, asked: Asked, sources: Sources) -> str | None:
    if sources.reading is not None:
        sources.reading.cursors = True
    if sources.are_pairs:
        return CURSOR
    return code.computed(f"{ROW}.{asked.attribute}", asked.type)


def _column(code: Code, asked: Asked, declared: Column, rows: Rows | None) -> str | None:
    if rows is None:
        return code.computed(f"{ROW}.{asked.attribute}", asked.type)
    name = declared.name or asked.attribute
    if declared.relation is None or not rows.is_related(declared.relation):
        column = _item(rows.read(name))
        return code.column(column, asked.type, is_known=rows.requires(name))
    if not rows.leads(declared.relation):
        return None
    followed = rows.follow(declared.relation)
    column, key = _item(followed.read(name)), _item(rows.join(declared.relation, followed))
    if declared.missing is not None:
        column = f"({declared.missing!r} if {key} is None else {column})"
    return code.column(column, asked.type, is_known=False)


def _of_row(code: Code, fields: AskedFields, asked: Asked, rows: Rows | None) -> str | None:
    declared = asked.declared
    if rows is None:
        return None
    if isinstance(declared, RowId):
        return f"{code.constant(node_id_writer(declared.kind))}({_item(rows.read('id'))})"
    if isinstance(declared, Batched) and declared.relation is not None:
        return _joined(code, fields, asked, declared.relation, rows)
    return None


def _joined(code: Code, fields: AskedFields, asked: Asked, relation: str, rows: Rows) -> str | None:
    if not rows.leads(relation):
        return None
    followed = rows.follow(relation)
    written_object = _object(code, fields, asked, Sources(rows=followed))
    if written_object is None:
        return None
    return f"(None if {_item(rows.join(relation, followed))} is None else {written_object})"


def _part(code: Code, fields: AskedFields, asked: Asked, sources: Sources) -> str | None:
    return _object(code, fields, asked, below(get_nullable_type(asked.type), sources))


def _object(code: Code, fields: AskedFields, asked: Asked, sources: Sources) -> str | None:
    """An object in place; None unless all of it is."""
    type_ = get_nullable_type(asked.type)
    if not is_object_type(type_):
        return None
    keys = {}
    for each in fields.below(asked, type_):
        expression = inline(code, fields, each, sources)
        if expression is None:
            return None
        keys[each.key] = expression
    return written(keys)


def _pure_resolver(asked: Asked) -> StrawberryResolver[Any] | None:
    """The resolver of a field when it is a function of the object alone."""
    strawberry = asked.strawberry
    if strawberry is None or strawberry.extensions or strawberry.is_async or asked.definition.args:
        return None
    if asked.is_event:
        return None
    resolver = strawberry.base_resolver
    if resolver is None or resolver.info_parameter is not None:
        return None
    return resolver if resolver.parent_parameter or resolver.root_parameter else None


def _computed(code: Code, asked: Asked) -> str | None:
    resolver = _pure_resolver(asked)
    if resolver is None:
        return None
    function = code.constant(resolver.wrapped_func)
    return code.computed(f"{function}({ROW})", asked.type)
