"""The mapping and the options of an import as JSON: read from clients, told to them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any, Final, get_args, get_type_hints

from domain.enums import ContactMatchKey
from domain.errors import InvalidInput
from domain.imports import ImportOptions, Mapped
from domain.names import spelled

MAX_MAPPED_COLUMNS: Final = 2000
_MAX_TEXT_CHARS: Final = 100
_MAX_SHOWN_CHARS: Final = 100
_NUL: Final = "\0"


def read_mapping(value: object, *, allowed: Iterable[str]) -> Mapped:
    """Header of a column to its field, or to None for one that is passed over.

    Args:
        allowed: The fields that there are.

    Raises:
        InvalidInput: It is no such object, or names a field that is not there.
    """
    if not isinstance(value, dict) or len(value) > MAX_MAPPED_COLUMNS:
        raise InvalidInput(
            "The mapping is no JSON object of columns and their fields, such as"
            ' {"E-mail": "email", "Notes": null}.',
            path="mapping",
        )
    known = set(allowed)
    for column, field in value.items():
        if _NUL in column:
            raise InvalidInput("No header of a file has the character NUL.", path="mapping")
        if field is not None and (not isinstance(field, str) or field not in known):
            raise InvalidInput(
                f"The mapping has {_shown(field)} for {_shown(column)}. That is no field.",
                path="mapping",
                allowed=sorted(known),
            )
    return value


def read_options(value: object) -> ImportOptions:
    """The options of an object with their names, as GraphQL or Python writes them.

    What is null is as usual.

    Raises:
        InvalidInput: It is no object, has an unknown name, or a value that an option does not take.
    """
    if not isinstance(value, dict):
        raise InvalidInput(
            'The options are no JSON object such as {"mode": "UPSERT"}.', path="options"
        )
    read: dict[str, Any] = {}
    for given, said in value.items():
        name = _NAMES.get(given)
        if name is None:
            raise InvalidInput(
                f"There is no option {_shown(given)}.",
                path="options",
                allowed=[spelled(each) for each in _READERS],
            )
        if name in read:
            raise InvalidInput(f"The option {spelled(name)} stands twice.", path=_path(name))
        if said is not None:
            read[name] = _READERS[name](name, said)
    return ImportOptions(**read)


def options_to_json(options: ImportOptions) -> dict[str, Any]:
    """All options under the names that GraphQL has for them."""
    return {spelled(name): value for name, value in vars(options).items()}


def _read_flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _unusable(name, value, "true or false")
    return value


def _read_text(name: str, value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT_CHARS or _NUL in value:
        raise _unusable(name, value, f"a text of 1 to {_MAX_TEXT_CHARS} characters")
    return value


def _read_keys(name: str, value: object) -> tuple[StrEnum, ...]:
    if not isinstance(value, list | tuple):
        raise _unusable(name, value, "a list of keys", allowed=list(ContactMatchKey))
    return tuple(_read_member(ContactMatchKey)(name, key) for key in value)


def _read_member(vocabulary: type[StrEnum]) -> Callable[[str, object], StrEnum]:
    members = {str(each): each for each in vocabulary}

    def read(name: str, value: object) -> StrEnum:
        if not isinstance(value, str) or value not in members:
            raise _unusable(name, value, f"one of {', '.join(members)}", allowed=list(members))
        return members[value]

    return read


def _reader(hint: Any) -> Callable[[str, object], Any]:
    """What reads the values of a type; None is not among them."""
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not type(None)]
    (kind,) = kinds
    if kind is bool:
        return _read_flag
    if kind is str:
        return _read_text
    return _read_keys if kind is ContactMatchKey else _read_member(kind)


_READERS: Final[Mapping[str, Callable[[str, object], Any]]] = {
    item.name: _reader(get_type_hints(ImportOptions)[item.name]) for item in fields(ImportOptions)
}
_NAMES: Final = {spelling: name for name in _READERS for spelling in (name, spelled(name))}


def _unusable(name: str, value: object, wanted: str, **details: object) -> InvalidInput:
    return InvalidInput(
        f"The option {spelled(name)} is {_shown(value)}; it has to be {wanted}.",
        path=_path(name),
        **details,
    )


def _path(name: str) -> str:
    return f"options.{spelled(name)}"


def _shown(value: object) -> str:
    return repr(value)[:_MAX_SHOWN_CHARS]
