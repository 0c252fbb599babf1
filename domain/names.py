"""How the names of fields are written outside: `starts_with` is `startsWith`, `in_` is `in`."""

from functools import lru_cache


@lru_cache(maxsize=1024)
def spelled(name: str) -> str:
    """A field's name as clients write it."""
    head, *tail = name.rstrip("_").split("_")
    return head + "".join(part.capitalize() for part in tail)
