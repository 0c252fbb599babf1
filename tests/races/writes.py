"""What clients of a race write: one writer at a time for each record, everything acknowledged."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

from tests.races.history import Firm, History, Person, Records
from tests.races.judging import DOMAIN

Send = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Sends the mutation of a name with its input until it is answered, and gives its payload."""

PEOPLE = 5
FIRMS = 2
_PASSING = "passing"


class Writers:
    """Writes to the records of a race, and notes in their histories what was asked and told."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self._locks: dict[str, asyncio.Lock] = {}
        self._numbers = itertools.count(1)
        self._names = itertools.count(1)

    async def prepare(self, chance: random.Random, send: Send) -> None:
        """Make what there is at the beginning."""
        for at in range(FIRMS):
            name, firm = f"f{at}", Firm(number=next(self._numbers))
            payload = await send(
                "createCompany", {"domain": f"{name}{DOMAIN}", **_written_firm(firm)}
            )
            history = History(name, firm, id=payload["company"]["id"])
            self.records.firms[name] = history
        for at in range(PEOPLE):
            await self._create(f"c{at}", chance, send)

    async def write(self, chance: random.Random, send: Send) -> None:
        """Do one of the things that can be done."""
        await chance.choice(_WAYS)(self, chance, send)

    async def update(self, chance: random.Random, send: Send) -> None:
        """Change the fields of one contact; sometimes it moves to the other company."""
        async with self._writing(chance.sample(self._lasting(), 1)) as (history,):
            if history.now.is_there:
                person = replace(history.now, number=next(self._numbers))
                if chance.random() < 0.3:
                    person = replace(person, firm=self._firm(chance))
                given = {"id": history.id, **self._written(person)}
                await self._send(send, "updateContact", given, {history: person})

    async def update_several(self, chance: random.Random, send: Send) -> None:
        """Change the same fields of two contacts, which both move to one company."""
        async with self._writing(chance.sample(self._lasting(), 2)) as histories:
            here = [history for history in histories if history.now.is_there]
            number, firm = next(self._numbers), self._firm(chance)
            asked = {history: replace(history.now, number=number, firm=firm) for history in here}
            if asked:
                written = self._written(next(iter(asked.values())))
                given = {"ids": [history.id for history in asked], "set": written}
                await self._send(send, "updateContacts", given, asked)

    async def tag(self, _chance: random.Random, send: Send) -> None:
        """Give all contacts another tag at once."""
        async with self._writing(self._lasting()) as histories:
            here = [history for history in histories if history.now.is_there]
            number = next(self._numbers)
            asked = {history: replace(history.now, tag=number) for history in here}
            given = {
                "ids": [history.id for history in here],
                "add": [f"t{number}"],
                "remove": sorted({f"t{history.now.tag}" for history in here}),
            }
            if asked:
                await self._send(send, "tagContacts", given, asked)

    async def delete_or_restore(self, chance: random.Random, send: Send) -> None:
        """Delete a contact that is there, bring back one that is not."""
        async with self._writing(chance.sample(self._lasting(), 1)) as (history,):
            person = replace(history.now, is_there=not history.now.is_there)
            name = "restoreContact" if person.is_there else "deleteContact"
            await self._send(send, name, {"id": history.id}, {history: person})

    async def create_or_delete(self, chance: random.Random, send: Send) -> None:
        """Delete for good the contact that is passing through, or let the next one come."""
        async with self._lock(_PASSING):
            passing = [name for name in self.records.people if name.startswith(_PASSING)]
            if not passing:
                await self._create(f"{_PASSING}{next(self._names)}", chance, send)
            for name in passing:
                history = self.records.people[name]
                gone = replace(history.now, is_there=False)
                await self._send(send, "deleteContact", {"id": history.id}, {history: gone})
                self.records.forget(name)

    async def update_firm(self, chance: random.Random, send: Send) -> None:
        """Change the fields of a company."""
        history = self.records.firms[self._firm(chance)]
        async with self._lock(history.name):
            firm = Firm(number=next(self._numbers))
            given = {"id": history.id, **_written_firm(firm)}
            await self._send(send, "updateCompany", given, {history: firm})

    async def found_firm(self, _chance: random.Random, send: Send) -> None:
        """Create a company that nobody ever changes, so that nothing hides it when it is lost."""
        name = f"founded{next(self._names)}"
        await send("createCompany", {"domain": f"{name}{DOMAIN}", "name": name})
        self.records.founded.append(name)

    async def _create(self, name: str, chance: random.Random, send: Send) -> None:
        number = next(self._numbers)
        person = Person(number=number, tag=number, firm=self._firm(chance))
        history = History(name, replace(person, is_there=False))
        self.records.people[name] = history
        given = {"firstName": name, "tags": [f"t{number}"], **self._written(person)}
        payload = await self._send(send, "createContact", given, {history: person})
        history.id = payload["contact"]["id"]

    async def _send(
        self, send: Send, name: str, given: dict[str, Any], asked: dict[History[Any], Any]
    ) -> Any:
        """Write down what is asked for, send it, and write down that it was answered."""
        for history, state in asked.items():
            history.ask(state)
        payload = await send(name, given)
        for history in asked:
            history.acknowledge()
        return payload

    def _lasting(self) -> list[str]:
        return [name for name in self.records.people if not name.startswith(_PASSING)]

    def _firm(self, chance: random.Random) -> str:
        return chance.choice(list(self.records.firms))

    def _written(self, person: Person) -> dict[str, Any]:
        """The fields that tell a state, but for its tag."""
        text = f"v{person.number}"
        company = self.records.firms[person.firm].id
        return {"title": text, "leadStatus": text, "stage": person.stage, "companyId": company}

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    @asynccontextmanager
    async def _writing(self, names: Iterable[str]) -> AsyncIterator[list[History[Person]]]:
        """The histories of contacts that nobody else writes to meanwhile."""
        chosen = sorted(names)
        async with AsyncExitStack() as stack:
            for name in chosen:
                await stack.enter_async_context(self._lock(name))
            yield [self.records.people[name] for name in chosen]


def _written_firm(firm: Firm) -> dict[str, Any]:
    return {"name": f"w{firm.number}", "shortDescription": f"w{firm.number}"}


_WAYS = (
    Writers.update,
    Writers.update,
    Writers.update,
    Writers.update_several,
    Writers.tag,
    Writers.delete_or_restore,
    Writers.create_or_delete,
    Writers.update_firm,
    Writers.found_firm,
)
