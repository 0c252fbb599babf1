"""Objects as JSON bytes, and without what is not everybody's to read."""

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from types import NoneType
from typing import Any, Final

import orjson
from pydantic import BaseModel, TypeAdapter

MASK: Final = "***"
"""What is written in the place of a secret."""

_WORD: Final = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# Of words with `_` between them; what one ends with is meant too, as in `accesstoken`.
_SENSITIVE: Final = re.compile(
    "(?:pass(?:word|wd|phrase)|secret|token|cookie|credential|authori[sz]ation)s?(?![a-z])"
    "|(?<![a-z])(?:pwd|dsn|jwt|bearer)s?(?![a-z])"
    "|(?:api|access|private|signing|encryption)_?keys?(?![a-z])|database_?urls?(?![a-z])"
)
# These say something about a secret.
_HARMLESS: Final = re.compile(
    "^(?:is|has|needs)_|_(?:left|count|used|limit|given|consent|at|in|type|expiry|length|policy)$"
)
_TOKEN: Final = re.compile(r"""((?:^|[?&])token=)[^&\s"']+""")
_MAX_DEPTH: Final = 32
_MAX_KEPT_CHARS: Final = 64
_SIMPLE: Final = frozenset({int, float, bool, NoneType})
_SPELLING: Final = str.maketrans("", "", "_-")


class OptimizedSerializer:
    """Writes objects of one type as JSON; what it takes to do so is worked out once.

    Args:
        model: A pydantic model, a dataclass, or any other type that pydantic knows.
    """

    def __init__(self, model: Any) -> None:
        self._adapter: TypeAdapter[list[Any]] = TypeAdapter(list[model])

    def serialize(self, items: Iterable[object], *, use_orjson: bool = True) -> bytes:
        """The items, checked against the type, as a JSON array.

        Args:
            items: Objects of the type, mappings, or objects with its attributes.
            use_orjson: Write by orjson; else by pydantic itself. The values are the same.

        Raises:
            pydantic.ValidationError: An item is not of the type.
        """
        checked = self._adapter.validate_python(list(items), from_attributes=True)
        if use_orjson:
            return orjson.dumps(self._adapter.dump_python(checked, mode="json"))
        return self._adapter.dump_json(checked)


def serialize_with_type_adapter(
    items: Iterable[object], model: Hashable, *, use_orjson: bool = True
) -> bytes:
    """Items as a JSON array, checked against their type.

    Args:
        items: Objects of the type, mappings, or objects with its attributes.
        model: As OptimizedSerializer takes it.
        use_orjson: Write by orjson; else by pydantic itself. The values are the same.

    Raises:
        pydantic.ValidationError: An item is not of the type.
    """
    return serializer_of(model).serialize(items, use_orjson=use_orjson)


@lru_cache(maxsize=256)
def serializer_of(model: Hashable) -> OptimizedSerializer:
    """The one serializer of a type in this process."""
    return OptimizedSerializer(model)


def filter_response_data(data: object, exclude_fields: Collection[str]) -> Any:
    """A copy without the fields of these names, at any depth.

    Args:
        data: Mappings, lists, tuples, dataclasses and pydantic models in each other; what has
            names becomes a dict.
        exclude_fields: In any spelling: `api_key` is `apiKey` too.
    """
    return _without(data, frozenset(map(_key, exclude_fields)))


def mask_secrets(data: object, *, depth: int = _MAX_DEPTH) -> Any:
    """A copy in which `***` stands for what is named as a secret, at any depth.

    A pair such as `("authorization", …)` has its first item for a name. In texts, the signature of
    an address is masked.

    Args:
        data: As filter_response_data takes it; sets become lists.
        depth: What lies deeper is left out.
    """
    if isinstance(data, str):
        return _without_token(data)
    if type(data) in _SIMPLE:
        return data
    if isinstance(data, bytes):
        return _without_token(data.decode("latin-1")).encode("latin-1")
    if not depth:
        return "…"
    members = _members(data)
    if members is None:
        return _each(_without_value(data), lambda item: mask_secrets(item, depth=depth - 1))
    return {
        name: MASK if is_secret(name) else mask_secrets(value, depth=depth - 1)
        for name, value in members.items()
    }


def is_secret(name: object) -> bool:
    """Whether what has this name is for nobody to read: `password`, `apiKey`, `secret_token`."""
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    if not isinstance(name, str):
        return False
    # The names of facts come again; long ones are somebody's input.
    return _kept(name) if len(name) <= _MAX_KEPT_CHARS else _names_secret(name)


def _without_token(text: str) -> str:
    return _TOKEN.sub(rf"\1{MASK}", text) if "token=" in text else text


def _without_value(data: object) -> object:
    """A pair of the name of a secret and its value with the value masked; a set as a list."""
    if isinstance(data, set | frozenset):
        return list(data)
    if isinstance(data, list | tuple) and len(data) == 2 and is_secret(data[0]):
        return (data[0], MASK) if isinstance(data, tuple) else [data[0], MASK]
    return data


def _names_secret(name: str) -> bool:
    words = "_".join(_WORD.findall(name)).lower()
    return _SENSITIVE.search(words) is not None and not _HARMLESS.search(words)


_kept: Final = lru_cache(maxsize=1024)(_names_secret)


def _without(data: object, excluded: frozenset[str]) -> Any:
    members = _members(data)
    if members is None:
        return _each(data, lambda item: _without(item, excluded))
    return {
        name: _without(value, excluded)
        for name, value in members.items()
        if _key(name) not in excluded
    }


def _each(data: object, change: Callable[[object], object]) -> object:
    """A list or tuple with each item changed; anything else as it is."""
    if isinstance(data, list):
        return [change(item) for item in data]
    if isinstance(data, tuple):
        return tuple(change(item) for item in data)
    return data


def _members(data: Any) -> Mapping[Any, Any] | None:
    """What an object has by names; None when it has nothing so."""
    if isinstance(data, Mapping):
        return data
    if isinstance(data, BaseModel):
        return dict(data)
    if is_dataclass(data) and not isinstance(data, type):
        return {item.name: getattr(data, item.name) for item in fields(data)}
    if isinstance(data, tuple) and hasattr(data, "_asdict"):
        named: Mapping[str, Any] = data._asdict()
        return named
    return None


def _key(name: object) -> str:
    return str(name).translate(_SPELLING).casefold()
