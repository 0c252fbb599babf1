"""A small schema that does everything wrong that a resolver can do, and what it did.

The schema of the product does not raise where it must not and holds no lists of lists; executors
must agree on that all the same.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Annotated, Any, NewType, Union, cast

import strawberry
from graphql import GraphQLError
from strawberry.permission import BasePermission
from strawberry.schema.config import StrawberryConfig

from graph.context import Context, Info

Even = NewType("Even", int)


@dataclass(kw_only=True)
class Recorded(Context):
    """A request that remembers what its resolvers did, in that order."""

    did: list[str] = field(default_factory=list)


def _did(info: Info, what: str) -> None:
    cast("Recorded", info.context).did.append(what)


def _write_even(value: int) -> int:
    if value % 2:
        raise ValueError(f"{value} is odd.")
    return value


@strawberry.enum
class Colour(Enum):
    """A colour."""

    RED = "red"
    BLUE = "blue"


class Forbidden(BasePermission):
    """Nobody may."""

    message = "Nobody may see this."

    def has_permission(self, *_: Any, **__: Any) -> bool:
        """Never."""
        return False


def _secret() -> str:
    return "secret"


@strawberry.interface
class Thing:
    """Has an id and a label."""

    id: strawberry.ID
    label: str | None

    @strawberry.field
    async def shout(self, times: int = 1, mark: str | None = None) -> str:
        """The label, aloud."""
        return f"{self.label}{(mark or '!') * times}"


@strawberry.type
class Author(Thing):
    """Somebody who wrote books; the odd ones are difficult."""

    secret: str | None = strawberry.field(resolver=_secret, permission_classes=[Forbidden])

    @property
    def _number(self) -> int:
        return int(self.id)

    def _fail_if_odd(self) -> str:
        if self._number % 2:
            raise ValueError(f"Author {self.id} is odd.")
        return "even"

    @strawberry.field
    def number(self) -> int:
        """The id as a number."""
        return self._number

    @strawberry.field
    def odd_fails(self) -> str | None:
        """Raises for the odd ones, at once."""
        return self._fail_if_odd()

    @strawberry.field
    async def odd_fails_later(self) -> str | None:
        """Raises for the odd ones, after a while."""
        await asyncio.sleep(0)
        return self._fail_if_odd()

    @strawberry.field
    def odd_fails_hard(self) -> str:
        """Raises for the odd ones where null is not allowed."""
        return self._fail_if_odd()

    @strawberry.field
    async def odd_fails_hard_later(self) -> str:
        """Raises for the odd ones where null is not allowed, after a while."""
        await asyncio.sleep(0)
        return self._fail_if_odd()

    @strawberry.field
    def odd_is_null(self) -> str:
        """Null for the odd ones where it is not allowed."""
        return cast("str", None if self._number % 2 else "even")

    @strawberry.field
    async def odd_is_null_later(self) -> str:
        """Null for the odd ones where it is not allowed, after a while."""
        return cast("str", None if self._number % 2 else "even")

    @strawberry.field
    def holes(self) -> list[int | None]:
        """Null among numbers, which is allowed."""
        return [1, None, self._number]

    @strawberry.field
    def gaps(self) -> list[int] | None:
        """Null among numbers where it is not allowed."""
        return cast("list[int]", [1, None, self._number])

    @strawberry.field
    def grid(self) -> list[list[int | None] | None]:
        """Lists in a list."""
        return [[self._number, None], [], None]

    @strawberry.field
    def no_list(self) -> list[int] | None:
        """Something else than the list it should be."""
        return cast("list[int]", self._number)

    @strawberry.field
    def evens(self) -> list[Even | None]:
        """A scalar that some numbers do not fit."""
        return [Even(self._number), Even(2)]

    @strawberry.field
    def no_number(self) -> int | None:
        """No number where one should be."""
        return cast("int", self.label)

    @strawberry.field
    def too_large(self) -> int | None:
        """More than 32 bits."""
        return 2**40

    @strawberry.field
    def colour(self) -> Colour | None:
        """A colour, for the odd ones one that does not exist."""
        return cast("Colour", "green") if self._number % 2 else Colour.BLUE

    @strawberry.field
    def friend(self) -> "Author | None":
        """The author before this one."""
        return None if self._number == 0 else author(self._number - 1)

    @strawberry.field
    async def best_friend(self) -> "Author":
        """The author before this one, where null is not allowed."""
        return cast("Author", None if self._number == 0 else author(self._number - 1))

    @strawberry.field
    async def books(self, first: int = 2) -> list["Book"]:
        """Books of the author."""
        return [Book(id=strawberry.ID(f"{self.id}{at}"), label=None) for at in range(first)]

    @strawberry.field
    def shelves(self) -> list[list["Book"]]:
        """Books in lists in a list."""
        return [[Book(id=strawberry.ID(self.id), label="a")], []]


@strawberry.type
class Book(Thing):
    """Something that somebody wrote."""

    @strawberry.field
    def author(self) -> Author:
        """Who wrote it."""
        return author(int(self.id[0]))

    @strawberry.field
    async def sequel(self) -> "Book | None":
        """The next one; there is none."""
        return None


@strawberry.type
class Note:
    """Something without an id."""

    text: str


Found = Annotated[Union[Author, Book, Note], strawberry.union("Found")]  # noqa: UP007  # takes no |


@strawberry.input
class Wish:
    """What is wanted."""

    label: str = "any"
    many: list[int] | None = None
    colour: Colour | None = Colour.RED
    deeper: "Wish | None" = None


def author(number: int) -> Author:
    """The author of a number."""
    return Author(id=strawberry.ID(str(number)), label=None if number == 2 else f"author {number}")


@strawberry.type
class Query:
    """Everything that can be read."""

    @strawberry.field
    def author(self, number: int = 0) -> Author | None:
        """One author."""
        return None if number < 0 else author(number)

    @strawberry.field
    async def authors(self, count: int = 3) -> list[Author]:
        """Authors where null is not allowed."""
        return [author(number) for number in range(count)]

    @strawberry.field
    def maybe_authors(self, count: int = 3) -> list[Author | None] | None:
        """Authors where null is allowed."""
        return [author(number) for number in range(count)]

    @strawberry.field
    async def things(self) -> list[Thing | None]:
        """Authors, books, and nothing."""
        return [author(1), Book(id=strawberry.ID("10"), label="b"), None, author(0)]

    @strawberry.field
    def stray(self) -> list[Thing | None]:
        """Something that is none of the types that it may be."""
        return [author(0), cast("Thing", Note(text="stray"))]

    @strawberry.field
    async def found(self) -> list[Found]:
        """Everything there is."""
        return [Note(text="a"), author(1), Book(id=strawberry.ID("20"), label=None)]

    @strawberry.field
    async def pairs(self) -> list[list[Thing | None]]:
        """Things in lists in a list."""
        return [[author(0), None], [Book(id=strawberry.ID("30"), label="c")], []]

    @strawberry.field
    def wish(self, wish: Wish, others: list[Wish | None] | None = None) -> str:
        """The wish as it arrived."""
        return f"{wish} {others}"

    @strawberry.field
    async def fails(self) -> str | None:
        """Raises what a client may read."""
        raise GraphQLError("It failed.", extensions={"code": "FAILED"})

    @strawberry.field
    async def fails_hard(self) -> str:
        """Raises where null is not allowed."""
        raise ValueError("It failed hard.")


@strawberry.type
class Mutation:
    """What is done is remembered."""

    @strawberry.mutation
    async def later(self, info: Info, name: str) -> str | None:
        """Done after a while."""
        _did(info, f"{name} begins")
        await asyncio.sleep(0)
        _did(info, f"{name} ends")
        return name

    @strawberry.mutation
    def now(self, info: Info, name: str) -> Author | None:
        """Done at once; what is below it is asked when it is done."""
        _did(info, name)
        return author(len(cast("Recorded", info.context).did))

    @strawberry.mutation
    async def fail(self, info: Info, name: str) -> str | None:
        """Done, and fails."""
        _did(info, name)
        raise ValueError(f"{name} failed.")

    @strawberry.mutation
    async def fail_hard(self, info: Info, name: str) -> str:
        """Done, and fails where null is not allowed."""
        _did(info, name)
        raise ValueError(f"{name} failed.")

    @strawberry.mutation
    async def null_below(self, info: Info, name: str) -> Author:
        """Done; its `oddIsNull` takes the whole answer along."""
        _did(info, name)
        return author(1)


def small_schema() -> strawberry.Schema:
    """The schema; a new one each time."""
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        types=[Author, Book],
        config=StrawberryConfig(
            info_class=Info,
            scalar_map={
                Even: strawberry.scalar(name="Even", serialize=_write_even, parse_value=int)
            },
        ),
    )


class SmallMaterials:
    """Scalars of the small schema."""

    def weight(self, _parent: str, _field: str) -> int:
        """All alike."""
        return 1

    def scalar(self, random: Random, kind: str, _used_as: str) -> Any:
        """A small value."""
        choices: Mapping[str, tuple[Any, ...]] = {
            "Int": (0, 1, 2, 3, 3),
            "Boolean": (True, False),
            "String": ("a", "", "é\n"),
        }
        return random.choice(choices[kind])

    def arguments(self, _random: Random, _result: str) -> Mapping[str, str | None]:
        """Each for itself."""
        return {}
