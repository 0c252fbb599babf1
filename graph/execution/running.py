"""Executing a plan for one request.

The one idea: a level of the answer is completed for all objects at it together. The generated
function writes what is there already; then each slot is had for all sources at once, its values are
flattened, completed by the plan below, and put into their objects. Slots that wait, wait side by
side. Nullability is put right on the way up: what must not be null and is, takes what holds it
along.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from graphql import GraphQLError, located_error
from graphql.execution.values import VariableValues

from domain.errors import OperationTimeout, Unavailable
from graph.context import Context, Info
from graph.execution.environment import Environment
from graph.execution.keeping import Completed, Keeping
from graph.execution.keys import KeptField
from graph.execution.lists import Values, as_list, parted, scattered
from graph.execution.places import InField, InList, Picked, Place, Root
from graph.execution.plan import (
    NULLED,
    AbstractValue,
    FieldPlan,
    LeafValue,
    ListValue,
    ObjectPlan,
    ObjectValue,
    OperationPlan,
    Value,
)

_OVERLOADED: Final = (Unavailable, OperationTimeout)


class Run:
    """One execution.

    Attributes:
        errors: What went wrong, located.
        is_doubtful: What graphql-core would answer is not known; it has to be asked.
    """

    def __init__(
        self,
        environment: Environment,
        plan: OperationPlan,
        variables: VariableValues,
        context: Context,
    ) -> None:
        self._environment = environment
        self._plan = plan
        self._variables = variables
        self._context = context
        self._keeping = None if context.cache is None else Keeping(context, context.cache)
        self._infos: dict[FieldPlan, Info] = {}
        self.errors: list[GraphQLError] = []
        self._is_nulled = False
        self._is_unreadable = False

    @property
    def is_doubtful(self) -> bool:
        """What graphql-core would answer is not known, so it has to be asked.

        A generated function found a value it has no words for; or a null took others along while
        there was a further error, and which one is told depends on which came first. But a database
        that cannot follow is not asked a second time.
        """
        if self._is_unreadable or not self._is_nulled or len(self.errors) < 2:
            return self._is_unreadable
        return not any(isinstance(error.original_error, _OVERLOADED) for error in self.errors)

    async def answer(self, *, serially: bool, source: Any = None) -> dict[str, Any] | None:
        """The data of the answer.

        Args:
            source: What root fields are asked of: for a subscription, the event.
        """
        (data,) = await self._objects(self._plan.root, (source,), Root(), serially=serially)
        return None if data is NULLED else data

    def info(self, field: FieldPlan) -> Info:
        """What the resolver of a field is told; the same for all objects of the field."""
        info = self._infos.get(field)
        if info is None:
            info = self._infos[field] = self._environment.info(
                field, self._plan, self._variables, self._context
            )
        return info

    def resolver(self, field: FieldPlan) -> Callable[..., Any]:
        """What graphql-core would call for a field."""
        return self._environment.resolver(field)

    def arguments(self, field: FieldPlan) -> Mapping[str, Any]:
        """The coerced arguments of a field.

        Raises:
            GraphQLError: One of them cannot be.
        """
        return field.arguments.coerce(self._variables)

    def converted_arguments(self, field: FieldPlan) -> dict[str, Any]:
        """The arguments as the Python function behind the field takes them, by name.

        Raises:
            GraphQLError: One of them cannot be.
        """
        if not field.definition.args:
            return {}
        return self._environment.convert(field, self.arguments(field), self.info(field))

    async def _objects(
        self, plan: ObjectPlan, sources: Values, place: Place, *, serially: bool = False
    ) -> list[Any]:
        """An object for each source; NULLED where one of its fields took it along."""
        if not sources:
            return []
        try:
            objects: list[Any] = plan.build(sources)
            slots = plan.slots
        except Exception:  # noqa: BLE001  # a value that the generated function has no words for
            if len(plan.fields) == len(plan.slots):
                self._is_unreadable = True
                return [NULLED] * len(sources)
            slots, keys = plan.fields, [field.key for field in plan.fields]
            objects = [dict.fromkeys(keys) for _ in sources]
        nulled: set[int] = set()
        if slots:
            await self._fill_all(slots, sources, objects, place, nulled, serially=serially)
        for at in nulled:
            objects[at] = NULLED
        return objects

    async def _fill_all(
        self,
        slots: Sequence[FieldPlan],
        sources: Values,
        objects: list[dict[str, Any]],
        place: Place,
        nulled: set[int],
        *,
        serially: bool,
    ) -> None:
        waiting = []
        for field in slots:
            if field.waits and not serially:
                waiting.append(field)
            else:
                await self._fill(field, sources, objects, place, nulled)
                if serially and nulled:
                    return
        if len(waiting) == 1:
            await self._fill(waiting[0], sources, objects, place, nulled)
        elif waiting:
            fills = (self._fill(field, sources, objects, place, nulled) for field in waiting)
            await asyncio.gather(*fills)

    async def _fill(
        self,
        field: FieldPlan,
        sources: Values,
        objects: list[dict[str, Any]],
        place: Place,
        nulled: set[int],
    ) -> None:
        if field.kept is None or self._keeping is None:
            completed = await self._had(field, sources, place)
        else:
            completed = await self._fetched(field, field.kept, self._keeping, sources, place)
        key = field.key
        for item, value in zip(objects, completed, strict=True):
            item[key] = value
        if self._is_nulled:
            nulled.update(at for at, value in enumerate(completed) if value is NULLED)

    async def _had(self, field: FieldPlan, sources: Values, place: Place) -> Values:
        """The completed values of a field for all sources."""
        values = await field.obtain(self, field, sources)
        return await self._checked(field, field.value, values, InField(place, field.key))

    async def _fetched(
        self,
        field: FieldPlan,
        kept: KeptField,
        keeping: Keeping,
        sources: Values,
        place: Place,
    ) -> Values:
        """The completed value of a root field whose answers are kept."""
        key = kept.key(self._variables)
        if key is None:
            return await self._had(field, sources, place)

        async def complete(context: Context) -> Completed:
            run = Run(self._environment, self._plan, self._variables, context)
            (value,) = await run._had(field, sources, place)  # its own
            return Completed(value, run.errors, run._is_nulled, run._is_unreadable)

        completed = await keeping.value(field.key, key, complete)
        self.errors += completed.errors
        self._is_nulled |= completed.is_nulled
        self._is_unreadable |= completed.is_unreadable
        return [completed.value]

    async def _checked(
        self, field: FieldPlan, value: Value, values: Values, place: Place
    ) -> Values:
        """The values completed, and what is an exception told as an error."""
        failed = [at for at, each in enumerate(values) if isinstance(each, Exception)]
        if not failed:
            return await self._complete(field, value, values, place)
        failed_set = set(failed)
        good = [at for at in range(len(values)) if at not in failed_set]
        found = await self._complete(field, value, [values[at] for at in good], Picked(place, good))
        nothing = [self._fail(field, value, values[at], place, at) for at in failed]
        return scattered(len(values), (good, found), (failed, nothing))

    async def _complete(
        self, field: FieldPlan, value: Value, values: Values, place: Place
    ) -> Values:
        """The values as the answer has them; NULLED for a null that must not be."""
        if isinstance(value, LeafValue):
            completed = self._leaves(field, value, values, place)
        else:
            kept = [at for at, each in enumerate(values) if each is not None]
            if len(kept) == len(values):
                completed = await self._known(field, value, values, place)
            else:
                known = [values[at] for at in kept]
                found = await self._known(field, value, known, Picked(place, kept))
                completed = scattered(len(values), (kept, found))
        if value.required and None in completed:
            return self._refuse_nulls(field, value, completed, place)
        return completed

    def _leaves(
        self, field: FieldPlan, value: LeafValue, values: Values, place: Place
    ) -> list[Any]:
        write = value.write
        try:
            return [None if each is None else write(each) for each in values]
        except Exception:  # noqa: BLE001  # found again below, where it stands
            return [self._leaf(field, value, each, place, at) for at, each in enumerate(values)]

    def _leaf(self, field: FieldPlan, value: LeafValue, each: Any, place: Place, at: int) -> Any:
        try:
            return None if each is None else value.write(each)
        except Exception as error:  # noqa: BLE001  # becomes an error of the answer
            return self._fail(field, value, error, place, at)

    async def _known(
        self,
        field: FieldPlan,
        value: ListValue | ObjectValue | AbstractValue,
        values: Values,
        place: Place,
    ) -> list[Any]:
        """Values none of which is None."""
        if isinstance(value, ListValue):
            complete = self._items if value.is_sure else self._lists
            return await complete(field, value, values, place)
        if isinstance(value, ObjectValue):
            if field.is_checked and value.plan.type.is_type_of:
                return await self._of_type(field, value, value.plan, values, place)
            return self._held(value, await self._objects(value.plan, values, place))
        return await self._by_type(field, value, values, place)

    async def _lists(
        self, field: FieldPlan, value: ListValue, values: Values, place: Place
    ) -> list[Any]:
        """Values that should be lists."""
        lists, refused = [], {}
        for at, each in enumerate(values):
            try:
                lists.append(await as_list(field, each))
            except Exception as error:  # noqa: BLE001  # becomes an error of the answer
                refused[at] = self._fail(field, value, error, place, at)
                lists.append([])
        found = await self._items(field, value, lists, place)
        for at, nothing in refused.items():
            found[at] = nothing
        return found

    async def _items(
        self, field: FieldPlan, value: ListValue, lists: Sequence[Values], place: Place
    ) -> list[Any]:
        """The items of all lists completed together, as lists again."""
        items, where = list(chain.from_iterable(lists)), InList(place, lists)
        if value.is_sure and isinstance(value.item, ObjectValue):
            completed: Values = self._held(
                value.item, await self._objects(value.item.plan, items, where)
            )
        else:
            complete = self._checked if field.is_checked else self._complete
            completed = await complete(field, value.item, items, where)
        found: list[Any] = list(parted(completed, lists))
        if self._is_nulled:
            found = self._held(value, [NULLED if _holds_null(each) else each for each in found])
        return found

    async def _of_type(
        self,
        field: FieldPlan,
        value: ObjectValue | AbstractValue,
        plan: ObjectPlan,
        values: Values,
        place: Place,
    ) -> list[Any]:
        """Values that say themselves whether they are of a type."""
        checks = [await self._environment.check(self.info(field), field, plan, v) for v in values]
        good = [at for at, error in enumerate(checks) if error is None]
        objects = await self._objects(plan, [values[at] for at in good], Picked(place, good))
        others = {
            at: self._fail(field, value, error, place, at)
            for at, error in enumerate(checks)
            if error is not None
        }
        held = self._held(value, objects)
        return scattered(len(values), (good, held), (others, others.values()))

    async def _by_type(
        self, field: FieldPlan, value: AbstractValue, values: Values, place: Place
    ) -> list[Any]:
        """Values of several types: each type is completed together."""
        of_type: dict[str, list[int]] = {}
        others = {}
        for at, each in enumerate(values):
            try:
                name = await self._environment.type_of(self.info(field), field, value.type, each)
                of_type.setdefault(name, []).append(at)
            except Exception as error:  # noqa: BLE001  # becomes an error of the answer
                others[at] = self._fail(field, value, error, place, at)
        found = []
        for name, positions in of_type.items():
            same, where = [values[at] for at in positions], Picked(place, positions)
            done = await self._of_type(field, value, value.plans[name], same, where)
            found.append((positions, done))
        return scattered(len(values), *found, (others, others.values()))

    def _held(self, value: Value, completed: list[Any]) -> list[Any]:
        """What holds a null that must not be becomes null itself, where it may."""
        if not self._is_nulled or value.required:
            return completed
        return [None if each is NULLED else each for each in completed]

    def _refuse_nulls(
        self, field: FieldPlan, value: Value, completed: Values, place: Place
    ) -> Values:
        name = f"{field.parent}.{field.name}"
        error = TypeError(f"Cannot return null for non-nullable field {name}.")
        return [
            self._fail(field, value, error, place, at) if each is None else each
            for at, each in enumerate(completed)
        ]

    def _fail(self, field: FieldPlan, value: Value, error: Exception, place: Place, at: int) -> Any:
        """Tell an error; gives what stands for the value."""
        self.errors.append(located_error(error, field.nodes, place.path(at)))
        if not value.required:
            return None
        self._is_nulled = True
        return NULLED


def _holds_null(items: Values) -> bool:
    return any(item is NULLED for item in items)
