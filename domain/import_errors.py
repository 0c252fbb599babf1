"""The order in which is told what is wrong with the rows of a file: as they stand in it."""

from dataclasses import dataclass
from typing import Final

from domain.enums import DescribedEnum
from domain.paging import Direction, Nulls, Order


class ImportErrorOrderField(DescribedEnum):
    """What it can be ordered by."""

    LINE = "LINE", "The line of the file."


@dataclass(frozen=True, kw_only=True)
class ImportErrorOrder:
    """One key of the order."""

    field: ImportErrorOrderField
    direction: Direction = Direction.ASC
    nulls: Nulls = Nulls.LAST


BY_LINE: Final[tuple[Order, ...]] = (ImportErrorOrder(field=ImportErrorOrderField.LINE),)
