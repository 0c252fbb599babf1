"""The seam of every mutation: one transaction, done again when another was in the way.

Expected mistakes come back as `userErrors`; everything else is a top-level error. The answer is
sent only after COMMIT, and the row in it is what PostgreSQL stored.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

import strawberry

from db.entities import Entity
from db.rows import Row
from db.transaction import Database, Transaction
from domain.enums import Role
from domain.errors import Rejected, WriteConflict
from domain.records import described
from graph.context import Info

P = TypeVar("P")
T = TypeVar("T")
R = TypeVar("R", bound=Row)
I = TypeVar("I")  # noqa: E741  # stands for an input
Input = Annotated[I, strawberry.argument(description="What to do.")]

_RETRIES: Final = 3
_PAUSE_SECONDS: Final = 0.02


@dataclass(kw_only=True)
class WriteInput:
    """What every mutation takes beside its own fields."""

    client_mutation_id: str | None = described("Comes back in the answer; means nothing here.")


async def write_row(
    info: Info,
    given_input: WriteInput,
    payload: Callable[..., P],
    entity: Entity[R],
    work: Callable[[Transaction], Awaitable[R]],
) -> P:
    """Do the work and answer its row, under the name of its kind, or why it was not done."""
    name = entity.kind.name.lower()
    try:
        answer = {name: await write(info, given_input, work), "user_errors": []}
    except Rejected as rejected:
        answer = {name: None, "user_errors": list(rejected.problems)}
    return payload(**answer, **echo(given_input))


async def write(
    info: Info,
    given_input: WriteInput,
    work: Callable[[Transaction], Awaitable[T]],
    *,
    role: Role = Role.EDITOR,
) -> T:
    """What a piece of work gives that is done in one transaction.

    Raises:
        Rejected: The input was refused, and nothing was written.
    """
    info.context.require(role)
    database = info.context.database
    try:
        return await database.finish(_in_transaction(database, work))
    finally:
        info.context.forget_what_was_read()


def echo(given_input: WriteInput) -> dict[str, Any]:
    """What every payload gives back of its input."""
    return {"client_mutation_id": given_input.client_mutation_id or None}


async def _in_transaction(database: Database, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """Write, and write again when another transaction was in the way."""
    for attempt in range(_RETRIES):
        try:
            async with database.write() as tx:
                return await work(tx)
        except WriteConflict:
            await asyncio.sleep(random.uniform(0.5, 1.5) * _PAUSE_SECONDS * 2**attempt)  # noqa: S311  # spreads retries
    async with database.write() as tx:
        return await work(tx)
