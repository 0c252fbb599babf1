"""What a batch tells of the records that it writes, to whoever wants to take it back later."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

from sqlalchemy import Table

from db.staging import Target
from db.transaction import Transaction


class Journal(Protocol):
    """Is told of the records of one batch."""

    def noting(
        self, tx: Transaction, table: Table, targets: Sequence[Target]
    ) -> AbstractAsyncContextManager[None]:
        """Surrounds the writing to stored records, which may turn out to change none of them."""

    def made(self, table: Table, targets: Sequence[Target]) -> None:
        """New records were written, and have their ids."""


def noting(
    journal: Journal | None, tx: Transaction, table: Table, targets: Sequence[Target]
) -> AbstractAsyncContextManager[None]:
    """The same, where there may be nobody who is to be told."""
    return journal.noting(tx, table, targets) if journal and targets else nullcontext()
