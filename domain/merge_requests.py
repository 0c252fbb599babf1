"""What a client asks to be merged, checked before anything is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.errors import Problem, ProblemCode, Rejected
from domain.merge_policies import ContactField, MergePolicy, Policies, choose_policies

MIN_MERGED = 2
MAX_MERGED = 50


@dataclass(frozen=True, kw_only=True)
class MergeRequest:
    """Which contacts are to be made one, and how.

    Attributes:
        primary_id: The survivor; None for the one that `domain.merging.rank` puts first.
        expected_versions: The version of a contact, and where the input names it.
    """

    contact_ids: Sequence[int]
    policies: Policies
    primary_id: int | None = None
    expected_versions: Mapping[int, tuple[int, tuple[str, ...]]] = field(default_factory=dict)


def clean_merge(
    contact_ids: Sequence[int],
    *,
    primary_id: int | None = None,
    default_policy: MergePolicy = MergePolicy.FILL_EMPTY,
    field_policies: Sequence[tuple[ContactField, MergePolicy]] = (),
    expected_versions: Sequence[tuple[int, int]] = (),
) -> MergeRequest:
    """The request, if all of it can be done.

    Raises:
        Rejected: Too few or too many contacts, one of them twice, or others than these are named;
            a field is named twice or with a policy that does not suit it.
    """
    problems = _of_ids(contact_ids)
    if primary_id is not None and primary_id not in contact_ids:
        problems.append(_invalid("The primary contact is one of the ids.", ("primaryId",)))
    problems += _of_versions(expected_versions, contact_ids)
    policies, of_policies = choose_policies(default_policy, field_policies)
    if problems := problems + of_policies:
        raise Rejected(problems)
    return MergeRequest(
        contact_ids=contact_ids,
        policies=policies,
        primary_id=primary_id,
        expected_versions={
            contact_id: (version, _at_version(at))
            for at, (contact_id, version) in enumerate(expected_versions)
        },
    )


def _of_ids(contact_ids: Sequence[int]) -> list[Problem]:
    problems = [
        _invalid("This contact is listed twice.", ("ids", str(at)))
        for at, contact_id in enumerate(contact_ids)
        if contact_id in contact_ids[:at]
    ]
    if not MIN_MERGED <= len(contact_ids) <= MAX_MERGED:
        message = f"{len(contact_ids)} ids were given; merge {MIN_MERGED} to {MAX_MERGED} contacts."
        problems.append(_invalid(message, ("ids",)))
    return problems


def _of_versions(expected: Sequence[tuple[int, int]], contact_ids: Sequence[int]) -> list[Problem]:
    named = [contact_id for contact_id, _ in expected]
    return [
        _invalid("A version goes with each of the ids at most once.", ("expectedVersions", str(at)))
        for at, contact_id in enumerate(named)
        if contact_id not in contact_ids or contact_id in named[:at]
    ]


def _at_version(at: int) -> tuple[str, ...]:
    return "expectedVersions", str(at), "version"


def _invalid(message: str, path: tuple[str, ...]) -> Problem:
    return Problem(code=ProblemCode.INVALID_VALUE, message=message, path=path)
