"""What can be asked of a merge, and what is told about what cannot."""

from typing import Any

import pytest

from domain.errors import Problem, ProblemCode, Rejected
from domain.merge_policies import ContactField, MergePolicy
from domain.merge_requests import MAX_MERGED, clean_merge

TITLE = ContactField("TITLE")


def told(*ids: int, **how: Any) -> list[tuple[str, str]]:
    """Message and path of what is wrong with a request."""
    with pytest.raises(Rejected) as refused:
        clean_merge(ids, **how)
    assert {problem.code for problem in refused.value.problems} == {ProblemCode.INVALID_VALUE}
    return [(problem.message, ".".join(problem.path)) for problem in refused.value.problems]


def test_a_request_keeps_what_was_asked() -> None:
    """Contacts, survivor, policies and versions, the latter with their place in the input."""
    request = clean_merge(
        [3, 1, 2],
        primary_id=1,
        default_policy=MergePolicy.NEWEST,
        field_policies=[(TITLE, MergePolicy.LONGEST)],
        expected_versions=[(3, 7), (1, 1)],
    )
    assert (request.contact_ids, request.primary_id) == ([3, 1, 2], 1)
    assert request.policies[TITLE] is MergePolicy.LONGEST
    assert request.policies[ContactField("STAGE")] is MergePolicy.NEWEST
    assert request.expected_versions == {
        3: (7, ("expectedVersions", "0", "version")),
        1: (1, ("expectedVersions", "1", "version")),
    }


@pytest.mark.parametrize("count", [0, 1, MAX_MERGED + 1])
def test_two_to_fifty_contacts_are_merged(count: int) -> None:
    """Fewer are no merge, more are one too large."""
    message = f"{count} ids were given; merge 2 to 50 contacts."
    assert told(*range(count)) == [(message, "ids")]
    assert clean_merge(range(MAX_MERGED)).contact_ids == range(MAX_MERGED)


def test_all_mistakes_are_told_at_once() -> None:
    """Each with its place in the input."""
    mistakes = told(
        1,
        2,
        1,
        primary_id=3,
        field_policies=[(TITLE, MergePolicy.UNION)],
        expected_versions=[(2, 1), (3, 1), (2, 1)],
    )
    once = "A version goes with each of the ids at most once."
    assert mistakes == [
        ("This contact is listed twice.", "ids.2"),
        ("The primary contact is one of the ids.", "primaryId"),
        (once, "expectedVersions.1"),
        (once, "expectedVersions.2"),
        (
            "UNION does not suit TITLE; choose one of KEEP_PRIMARY, FILL_EMPTY, NEWEST, LONGEST.",
            "fieldPolicies.0.policy",
        ),
    ]


def test_a_refusal_names_its_code() -> None:
    """Problems of a request are those of its values."""
    with pytest.raises(Rejected) as refused:
        clean_merge([1])
    assert refused.value.problems == (
        Problem(
            code=ProblemCode.INVALID_VALUE,
            message="1 ids were given; merge 2 to 50 contacts.",
            path=("ids",),
        ),
    )
