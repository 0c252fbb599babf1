"""What the answer to a kept field is kept under, from its footprint and the values of a request.

The one idea: the same selection with the same values has the same key, however it is written. What
no variable takes part in is worked out with the plan.
"""

from collections.abc import Mapping
from datetime import date
from hashlib import blake2b
from typing import Any, Final

import orjson
from graphql import GraphQLError
from graphql.execution.values import VariableValues

from cache.keys import Key
from cache.tags import Entity
from domain.errors import AppError
from graph.caching import Cached, NotKept, Shown
from graph.execution.asked import Asked, AskedFields
from graph.execution.footprints import Footprint, footprints_of
from graph.execution.inputs import NO_VARIABLES
from graph.execution.reaching import Records

_DIGEST_BYTES: Final = 16

# orjson rounds offsets from UTC to minutes: two points in time would become one.
_CANONICAL: Final = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME


class KeptField:
    """A root field as an operation asks for it, whose answers are kept.

    Args:
        footprints: For each kind of record that it can be about; there is one at least.
    """

    def __init__(self, cached: Cached, footprints: Mapping[Entity, Footprint]) -> None:
        self._cached = cached
        self._footprints = footprints
        self._own = next(iter(footprints.values())).arguments[0]
        arguments = [each for found in footprints.values() for each in found.arguments]
        self._is_constant = all(each.are_constant for each in arguments)
        self._constant = self._key(NO_VARIABLES) if self._is_constant else None

    def key(self, variables: VariableValues) -> Key | None:
        """What the answer is kept under; None when it is not kept."""
        return self._constant if self._is_constant else self._key(variables)

    def _key(self, variables: VariableValues) -> Key | None:
        try:
            return self._made(variables)
        except (GraphQLError, AppError, NotKept, orjson.JSONEncodeError):
            # What is wrong with a value is told by whoever answers.
            return None

    def _made(self, variables: VariableValues) -> Key:
        own = self._own.coerce(variables)
        subject = self._cached.subject(own)
        footprint = self._footprints.get(subject.entity)
        if footprint is None:
            raise NotKept(subject.entity)
        values = [own, *(each.coerce(variables) for each in footprint.arguments[1:])]
        return subject.key(
            Shown(
                digest=_digest(footprint.shape, values),
                records=_records(footprint, values),
                own_contacts=footprint.own_contacts,
            )
        )


def kept_field(fields: AskedFields, asked: Asked, cached: Cached) -> KeptField | None:
    """How the answers to a root field are kept; None when it has something that is not."""
    footprints = footprints_of(fields, asked, cached)
    return KeptField(cached, footprints) if footprints else None


def _records(footprint: Footprint, values: list[dict[str, Any]]) -> Records:
    records = footprint.records
    for arguments, given in zip(footprint.arguments, values, strict=True):
        records |= arguments.reached(given)
    return records


def _digest(shape: bytes, values: list[dict[str, Any]]) -> str:
    written = orjson.dumps(values, default=_written, option=_CANONICAL)
    return blake2b(shape + written, digest_size=_DIGEST_BYTES).hexdigest()


def _written(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError
