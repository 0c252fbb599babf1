"""How long the lists are that an operation asks for, by its arguments, before any is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol


class PageSizes(NamedTuple):
    """How many rows a page has when none are named, and at most."""

    default: int
    maximum: int


class Asking(NamedTuple):
    """With what an operation is asked for."""

    variables: Mapping[str, Any]
    sizes: PageSizes


@dataclass(frozen=True, slots=True)
class Argument:
    """A value that a field is given: as the document has it, or by a variable.

    Attributes:
        variable: None where it is no variable.
    """

    value: Any = None
    variable: str | None = None

    def read(self, variables: Mapping[str, Any]) -> Any:
        """What it is in a request."""
        return self.value if self.variable is None else variables.get(self.variable)


class Length(Protocol):
    """How long a list can be."""

    def of(self, asking: Asking) -> int:
        """The length in a request. A value that is none of its type is told by whoever executes."""


@dataclass(frozen=True, slots=True)
class PageLength:
    """As long as a page: `first`, or `last` where that is not given."""

    first: Argument
    last: Argument

    def of(self, asking: Asking) -> int:
        """As `Length` has it."""
        variables, sizes = asking
        asked = self.first.read(variables)
        if asked is None:
            asked = self.last.read(variables)
        if type(asked) is float:
            asked = int(max(0.0, min(asked, sizes.maximum)))
        if type(asked) is not int:
            asked = sizes.default
        return 0 if asked < 0 else min(asked, sizes.maximum)


@dataclass(frozen=True, slots=True)
class IdsLength:
    """As long as the list of ids that is given; one id is a list of one."""

    ids: Argument

    def of(self, asking: Asking) -> int:
        """As `Length` has it."""
        return _count_given(self.ids.read(asking.variables))


@dataclass(frozen=True, slots=True)
class RecordsLength:
    """As long as what an input names: its rows or ids, or all that a filter can match.

    Attributes:
        input: The whole input, where a variable has it.
        fields: Its fields otherwise.
        maximum: It is never longer.
    """

    input: Argument
    fields: Mapping[str, Argument]
    maximum: int

    def of(self, asking: Asking) -> int:
        """As `Length` has it."""
        variables = asking.variables
        given = self.input.read(variables)
        if self.input.variable is None:
            given = {name: field.read(variables) for name, field in self.fields.items()}
        if not isinstance(given, Mapping):
            return 0
        if given.get("filter") is not None:
            return self.maximum
        named = max(_count_given(given.get("ids")), _count_given(given.get("rows")))
        return min(named, self.maximum)


@dataclass(frozen=True, slots=True)
class KnownLength:
    """As long in every request."""

    rows: int

    def of(self, asking: Asking) -> int:  # noqa: ARG002  # Length's
        """As `Length` has it."""
        return self.rows


def _count_given(given: Any) -> int:
    """How many values of a list are given; one that stands alone is a list of one."""
    if given is None:
        return 0
    return len(given) if isinstance(given, list | tuple) else 1
