"""What an operation selects below a field, with aliases, fragments, `@skip` and `@include` done."""

from collections import defaultdict
from typing import Any, cast

from graphql import GraphQLObjectType, GraphQLOutputType, GraphQLResolveInfo, get_named_type
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_subfields

from graph.context import Info


class Selection:
    """The fields selected of an object type; a field that is selected twice is there once.

    Args:
        type_: The type, however often in lists.
        fields: Where it is selected.
    """

    def __init__(
        self, raw: GraphQLResolveInfo[Any], type_: GraphQLOutputType, fields: list[FieldDetails]
    ) -> None:
        self._raw = raw
        self._type = cast("GraphQLObjectType", get_named_type(type_))
        fragments = {name: FragmentDetails(found) for name, found in raw.fragments.items()}
        collected = collect_subfields(
            raw.schema, fragments, raw.variable_values, raw.operation, self._type, fields
        )
        self._by_name: defaultdict[str, list[FieldDetails]] = defaultdict(list)
        for details in collected.grouped_field_set.values():
            self._by_name[details[0].node.name.value] += details

    @property
    def names(self) -> set[str]:
        """The names of the selected fields, whatever they are called in the answer."""
        return set(self._by_name)

    def below(self, name: str) -> "Selection":
        """What is selected of the objects in a field; nothing when the field is not selected."""
        return Selection(self._raw, self._type.fields[name].type, self._by_name.get(name, []))


def selection_of(info: Info) -> Selection:
    """What is selected of the objects in the field that is being resolved."""
    # Strawberry's own `selected_fields` unfolds every fragment wherever it is spread, which a
    # document of a few lines can make endless.
    raw = info.raw
    fields = [FieldDetails(node, None) for node in raw.field_nodes]
    return Selection(raw, raw.return_type, fields)
