"""Bulk writes: which records are meant, and how an outcome is kept and told again."""

from typing import Any

import orjson
import pytest

from domain.bulk import (
    MAX_BULK_ROWS,
    BulkOutcome,
    BulkStatus,
    RowOutcome,
    has_condition,
    select_records,
)
from domain.errors import Problem, ProblemCode, Rejected
from domain.filters import (
    BooleanFilter,
    CompanyFilter,
    ContactFilter,
    IntFilter,
    IntRange,
    StringFilter,
    StringListFilter,
)
from domain.scalars import NodeId

TITLE = ContactFilter(title=StringFilter(eq="CTO"))


@pytest.mark.parametrize(
    "filter_",
    [
        TITLE,
        ContactFilter(title=StringFilter(is_null=False)),
        ContactFilter(do_not_contact=BooleanFilter(eq=False)),
        ContactFilter(quality_score=IntFilter(between=IntRange(from_=0, to=0))),
        ContactFilter(tags=StringListFilter(any_of=[])),
        ContactFilter(company=CompanyFilter(name=StringFilter(eq="Acme"))),
        ContactFilter(and_=[ContactFilter(), TITLE]),
        ContactFilter(not_=TITLE),
        ContactFilter(search="ada"),
        ContactFilter(title=None),
        ContactFilter(search=None),
    ],
)
def test_filter_that_asks_for_something_has_a_condition(filter_: ContactFilter) -> None:
    """Any operator anywhere counts, whatever its operand; what null means is told elsewhere."""
    assert has_condition(filter_)


@pytest.mark.parametrize(
    "filter_",
    [
        ContactFilter(),
        ContactFilter(title=StringFilter()),
        ContactFilter(title=StringFilter(case_sensitive=True)),
        ContactFilter(and_=[], or_=[]),
        ContactFilter(or_=[ContactFilter(), ContactFilter(title=StringFilter())]),
        ContactFilter(not_=ContactFilter()),
        ContactFilter(company=CompanyFilter()),
        ContactFilter(search="  "),
    ],
)
def test_filter_that_asks_for_nothing_has_none(filter_: ContactFilter) -> None:
    """However it is nested, it is not meant for every record by accident."""
    assert not has_condition(filter_)


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"ids": None, "filter_": None}, ProblemCode.INVALID_VALUE, ("ids",)),
        ({"ids": [1], "filter_": TITLE}, ProblemCode.INVALID_VALUE, ("ids",)),
        ({"ids": [1] * (MAX_BULK_ROWS + 1), "filter_": None}, ProblemCode.TOO_LONG, ("ids",)),
        ({"ids": None, "filter_": ContactFilter()}, ProblemCode.INVALID_VALUE, ("filter",)),
    ],
)
def test_records_are_meant_by_ids_or_by_a_filter(
    given: dict[str, Any], code: ProblemCode, path: tuple[str, ...]
) -> None:
    """Both, neither, too many or everything is refused."""
    with pytest.raises(Rejected) as refused:
        select_records(**given)
    (problem,) = refused.value.problems
    assert (problem.code, problem.path) == (code, path)


def test_as_many_ids_as_fit_are_taken() -> None:
    """The limit itself is allowed, and so is none at all."""
    assert select_records(ids=[1] * MAX_BULK_ROWS, filter_=None).ids == [1] * MAX_BULK_ROWS
    assert select_records(ids=[], filter_=None).ids == []


@pytest.mark.parametrize("rows", [None, 0, 2])
def test_outcome_is_the_same_after_it_was_kept(rows: int | None) -> None:
    """What JSON holds of it gives it back, rows or none; a message is that of its code."""
    code = ProblemCode.NOT_FOUND
    problem = Problem(code=code, message=code.doc, path=["ids", "1"], record_id=NodeId("AQEB"))
    told = [
        RowOutcome(0, BulkStatus.UPDATED, 7),
        RowOutcome(1, BulkStatus.FAILED, None, (problem,)),
    ]
    outcome = BulkOutcome(
        {BulkStatus.UPDATED: 1, BulkStatus.FAILED: 1},
        None if rows is None else told[:rows],
        (problem,),
    )

    kept = orjson.loads(orjson.dumps(outcome.to_json()))

    assert BulkOutcome.from_json(kept) == outcome


def test_message_that_may_quote_a_person_is_not_kept() -> None:
    """What is kept of a mutation outlives the person who is erased after it."""
    problem = Problem(code=ProblemCode.INVALID_EMAIL, message="'ada@' is no address.")

    assert "ada@" not in str(BulkOutcome({}, problems=(problem,)).to_json())
