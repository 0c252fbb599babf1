"""The metrics of several processes as one text, in which each sample tells its process.

Prometheus wants all lines of a family in one place.

Source: Prometheus, "Text-based exposition format".
"""

from collections.abc import Mapping
from typing import Final

_HEAD: Final = "# HELP "


def merged(texts: Mapping[int, str]) -> str:
    """The texts of processes, by their numbers, as one."""
    families: dict[str, list[str]] = {}
    for process, text in texts.items():
        lines: list[str] = []
        is_new = False
        for line in text.splitlines():
            if line.startswith(_HEAD):
                name = line.split(" ", 3)[2]
                is_new = name not in families
                lines = families.setdefault(name, [])
            if not line.startswith("#"):
                lines.append(_labelled(line, process))
            elif is_new:
                lines.append(line)
    return "".join(f"{line}\n" for lines in families.values() for line in lines)


def _labelled(line: str, process: int) -> str:
    """A sample with the process it is of."""
    name, brace, rest = line.partition("{")
    if not brace:
        name, _, value = line.partition(" ")
        return f'{name}{{process="{process}"}} {value}'
    return f'{name}{{process="{process}",{rest}'
