"""The lines of a text file, each with its length in bytes, from any line on."""

from collections import deque
from io import SEEK_END, TextIOWrapper
from typing import BinaryIO, Final, NamedTuple

from streaming.text_encodings import TextEncoding

MAX_ROW_CHARS: Final = 1 << 20


class Position(NamedTuple):
    """A place between two rows of a file.

    Attributes:
        byte: How many bytes are before it.
        line: The line that begins there, from 1.
    """

    byte: int
    line: int


class RowTooLarge(Exception):
    """A row has more characters than `MAX_ROW_CHARS`."""


class Lines:
    """The lines of an open file; those of the row being read can be given back.

    Args:
        position: Where a row begins; the file is read from there on.

    Attributes:
        row_line: The number of the line on which the row begins.
        taken: The lines of the row so far.
    """

    def __init__(self, file: BinaryIO, encoding: TextEncoding, position: Position) -> None:
        self._end = file.seek(0, SEEK_END)
        file.seek(position.byte)
        self._encoding = encoding
        self._is_wide = encoding.is_wide
        # A character of Latin-1 is a byte, so the length of a line is the number of its bytes.
        codec = encoding.codec if encoding.is_wide else "latin-1"
        self._text = TextIOWrapper(file, encoding=codec, errors="replace", newline="")
        self._returned: deque[tuple[str, int]] = deque()
        self._row_byte = self._read_to = position.byte
        self._sizes: list[int] = []
        self._taken_chars = 0
        self.row_line = position.line
        self.taken: list[str] = []

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line, size = self._returned.popleft() if self._returned else self._read()
        if not size:
            raise StopIteration
        self.taken.append(line)
        self._sizes.append(size)
        self._taken_chars += len(line)
        if self._taken_chars > MAX_ROW_CHARS:
            raise RowTooLarge
        return line

    @property
    def position(self) -> Position:
        """The place behind the lines that are taken."""
        return Position(self._row_byte + sum(self._sizes), self.row_line + len(self.taken))

    def begin_row(self) -> None:
        """The row before has come to its end."""
        self._row_byte += sum(self._sizes)
        self.row_line += len(self.taken)
        self.taken = []
        self._sizes = []
        self._taken_chars = 0

    def text(self) -> str:
        """The text of the row so far."""
        return self.taken[0] if len(self.taken) == 1 else "".join(self.taken)

    def give_back(self, kept: int) -> None:
        """The row has only its first `kept` lines; the others come again."""
        others = zip(self.taken[kept:], self._sizes[kept:], strict=True)
        self._returned.extendleft(reversed(list(others)))
        del self.taken[kept:]
        del self._sizes[kept:]

    def last_open_quote(self, *, at_end: bool) -> int:
        """The index of the taken line on which the quote that spoilt the row was opened.

        Args:
            at_end: The text ended within the quote; else it met another one on the last line.
        """
        opened, inside = 0, False
        for index, line in enumerate(self.taken if at_end else self.taken[:-1]):
            quotes = line.replace('""', "").count('"')
            inside ^= bool(quotes % 2)
            opened = index if inside and quotes else opened
        return opened

    def _read(self) -> tuple[str, int]:
        """The next line, cut behind `MAX_ROW_CHARS`, and its length in bytes; 0 at the end."""
        line = rest = self._text.readline(MAX_ROW_CHARS + 1)
        size = self._size(line)
        while len(rest) > MAX_ROW_CHARS and not rest.endswith(("\n", "\r")):
            rest = self._text.readline(MAX_ROW_CHARS + 1)
            size += self._size(rest)
        return self._decoded(line), size

    def _size(self, read: str) -> int:
        if not self._is_wide or not read:
            return len(read)
        size = len(read.encode(self._encoding.codec))
        if len(read) <= MAX_ROW_CHARS and not read.endswith(("\n", "\r")):
            size = self._end - self._read_to  # the last line may end with half a character
        self._read_to += size
        return size

    def _decoded(self, read: str) -> str:
        if self._is_wide or read.isascii():
            return read
        return read.encode("latin-1").decode(self._encoding.codec, self._encoding.errors)
