"""The seam of every mutation: one transaction, done again when something was in the way.

Expected mistakes come back as `userErrors`; everything else is a top-level error. The answer is
sent only after COMMIT, and the row in it is what PostgreSQL stored. Under an idempotency key the
outcome is kept in the same transaction, and given again when the mutation is sent again.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final, Generic, TypeVar

import strawberry

from db.entities import Entity
from db.idempotency import KeyedRequest, claim_key, keep_outcome
from db.retrying import write_again
from db.rows import Row
from db.transaction import ReadSession, Transaction
from db.writing import find_rows
from domain.absent import given
from domain.errors import (
    InvalidInput,
    Problem,
    ProblemCode,
    Rejected,
)
from domain.idempotency import check_key, request_hash
from domain.records import described
from domain.viewer import Viewer
from graph.context import Info, place_of

# Longer than a transaction can take, and others to hear of it.
_SURELY_SHOWN_SECONDS: Final = 60.0

P = TypeVar("P")
T = TypeVar("T")
R = TypeVar("R", bound=Row)
I = TypeVar("I")  # noqa: E741  # stands for an input
Input = Annotated[I, strawberry.argument(description="What to do.")]


@dataclass(kw_only=True)
class MutationInput:
    """What every mutation takes beside its own fields."""

    client_mutation_id: str | None = described("Comes back in the answer; means nothing here.")


@dataclass(kw_only=True)
class WriteInput(MutationInput):
    """What every mutation takes too that is done once under its key."""

    idempotency_key: str | None = described(
        "Sent again with the same key within a day, the mutation is done once only."
    )


@dataclass(frozen=True)
class Memory(Generic[T]):
    """How the outcome of a mutation is kept under its idempotency key, and given again.

    Attributes:
        keep: The outcome as something that JSON can say.
        recall: The outcome from what was kept; it shows the records as they are by then.
    """

    keep: Callable[[T], Any]
    recall: Callable[[ReadSession, Any], Awaitable[T]]


def row_memory(entity: Entity[R]) -> Memory[R]:
    """Keeps which row was written; gives the row as it is by then, deleted or not."""

    async def recall(session: ReadSession, row_id: int) -> R:
        found = await find_rows(session, entity, [row_id])
        if row_id not in found:
            message = f"The {entity.kind.name.lower()} that came of this was erased since."
            path = ("idempotencyKey",)
            raise Rejected([Problem(code=ProblemCode.NOT_FOUND, message=message, path=path)])
        return found[row_id]

    return Memory(keep=lambda row: row["id"], recall=recall)


async def write_row(
    info: Info,
    given_input: WriteInput,
    payload: Callable[..., P],
    entity: Entity[R],
    work: Callable[[Transaction], Awaitable[R]],
) -> P:
    """Do the work and answer its row, under the name of its kind, or why it was not done."""
    name = entity.kind.name.lower()
    return await answer(
        payload,
        given_input,
        write(info, given_input, work, memory=row_memory(entity)),
        shown=lambda row: {name: row},
        nothing={name: None},
    )


async def answer(
    payload: Callable[..., P],
    given_input: MutationInput,
    work: Awaitable[T],
    *,
    shown: Callable[[T], Mapping[str, Any]],
    nothing: Mapping[str, Any],
) -> P:
    """What is shown of what a piece of work gives, or nothing and why it was not done."""
    try:
        told: Mapping[str, Any] = {"user_errors": [], **shown(await work)}
    except Rejected as rejected:
        told = {**nothing, "user_errors": list(rejected.problems)}
    return payload(**told, client_mutation_id=given_input.client_mutation_id or None)


async def write(
    info: Info,
    given_input: WriteInput,
    work: Callable[[Transaction], Awaitable[T]],
    *,
    memory: Memory[T],
) -> T:
    """What a piece of work gives that is done in one transaction.

    Under an idempotency key it is done once: when it was done before, its outcome comes from
    memory, and a notice says so.

    Raises:
        Rejected: The input was refused, nothing was written, and nothing is kept.
        IdempotencyKeyReused: Another input came under the key.
        IdempotencyKeyInUse: The same mutation is being done under the key.
    """
    viewer = info.context.require_viewer()
    database = info.context.database
    request = _keyed_request(info, given_input, viewer)
    once = work if request is None else partial(_once, info, request, work, memory)
    work_once = write_again(database, once, is_repeatable=request is not None)
    return await info.context.finish(work_once)


def said(value: T) -> T | None:
    """The value of a field of an input; None where it was left out or is null."""
    return value if given(value) else None


def _keyed_request(info: Info, given_input: WriteInput, viewer: Viewer) -> KeyedRequest | None:
    """The request under its key; None when it has none."""
    both = said(given_input.idempotency_key), info.context.idempotency_key
    keys = {key for key in both if key is not None}
    if len(keys) > 1:
        raise InvalidInput("The header Idempotency-Key and input.idempotencyKey differ; send one.")
    if not keys:
        return None
    key = check_key(keys.pop())
    hashed = request_hash(info.field_name, given_input)
    return KeyedRequest(viewer.user_uuid, key, hashed)


async def _once(
    info: Info,
    request: KeyedRequest,
    work: Callable[[Transaction], Awaitable[T]],
    memory: Memory[T],
    tx: Transaction,
) -> T:
    """Do the work and keep its outcome, or give the outcome that was kept."""
    kept = await claim_key(tx, request)
    if kept is not None:
        tx.is_replay = kept.age_seconds < _SURELY_SHOWN_SECONDS
        info.context.tell("IDEMPOTENT_REPLAY", place_of(info))
        return await memory.recall(tx, kept.outcome)
    outcome = await work(tx)
    await keep_outcome(tx, request, memory.keep(outcome))
    return outcome
