"""The tutorial as its tests read it: fenced blocks, each of a language, some of them files."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TUTORIAL: Final = Path(__file__).parents[1] / "docs" / "tutorial.md"
ADDRESS: Final = "http://127.0.0.1:8000"
"""Where the server is in the tutorial; that of a test is elsewhere."""

_BLOCK: Final = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        title: The file that it is, below the folder of the tutorial; empty for any other block.
    """

    language: str
    title: str
    text: str

    def is_printed(self, output: str) -> bool:
        """Whether this is what was printed; `…` is anything, in a line of its own any lines."""
        pattern = "".join(map(_pattern, self.text.splitlines()))
        lines = (line.rstrip() for line in output.replace("\ufeff", "").strip().splitlines())
        return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


@dataclass(frozen=True)
class Command:
    """What is typed into a shell, and what that prints; None where the tutorial shows nothing."""

    typed: str
    printed: Block | None


def chapter(start: str, end: str | None = None) -> list[Block]:
    """The blocks from the heading that begins so, to another one or the end."""
    text = TUTORIAL.read_text("utf-8").partition(f"\n## {start}")[2]
    if end is not None:
        text = text.partition(f"\n## {end}")[0]
    return [Block(language, title, block) for language, title, block in _BLOCK.findall(text)]


def commands(blocks: list[Block]) -> list[Command]:
    """What is to be typed, in its order."""
    following = [*blocks[1:], Block("", "", "")]
    return [
        Command(block.text, after if after.language == "text" else None)
        for block, after in zip(blocks, following, strict=True)
        if block.language == "sh"
    ]


def write_files(blocks: list[Block], folder: Path) -> None:
    """Save the files among blocks."""
    for block in blocks:
        if block.title:
            path = folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")


def _pattern(line: str) -> str:
    return r"(.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"\n"
