"""Records that may be about the same person or company: by which keys they are found, in groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from domain.enums import CompanyMatchKey, ContactMatchKey, DescribedEnum
from domain.errors import InvalidInput
from domain.paging import Direction, Nulls, Order

MatchKey = ContactMatchKey | CompanyMatchKey
K = TypeVar("K", ContactMatchKey, CompanyMatchKey)

MIN_NAME_CHARS: Final = 3
"""A name that is shorter says too little to be a key."""

MAX_SHOWN: Final = 100
"""The records that a group shows; it counts them all."""

SUGGESTIONS: Final[frozenset[MatchKey]] = frozenset(
    {
        # Addresses are unique, so as a key of duplicates it means what providers deliver alike.
        ContactMatchKey.EMAIL,
        ContactMatchKey.NAME_AND_COMPANY_DOMAIN,
        CompanyMatchKey.NAME_AND_COUNTRY,
    }
)
"""Keys that people share who are not the same."""
# Source: https://en.wikipedia.org/wiki/List_of_legal_entity_types_by_country
LEGAL_FORMS: Final = (
    *("ab", "ag", "ae", "aps", "as", "asa", "bhd", "bv", "bvba", "co", "company", "corp"),
    *("corporation", "cv", "dd", "de", "doo", "ead", "eg", "ehf", "ek", "eood", "ev", "gbr"),
    *("gesmbh", "gmbh", "hf", "inc", "incorporated", "kft", "kg", "kgaa", "kk", "lda", "limited"),
    *("llc", "llp", "lp", "ltd", "ltda", "mbh", "nv", "nyrt", "od", "ohg", "oo", "ood", "ou", "oy"),
    *("oyj", "plc", "private", "pte", "pty", "pvt", "sa", "sab", "sarl", "sas", "sasu", "scs"),
    *("sdn", "se", "sia", "sl", "slu", "snc", "sp", "spa", "spol", "srl", "sro", "tbk", "uab"),
    *("ug", "vof", "z", "zrt"),
)
"""Words behind a company's name that are no part of it, without punctuation."""


class Duplicates(DescribedEnum):
    """Of what there are groups."""

    CONTACTS = "CONTACTS"
    COMPANIES = "COMPANIES"


@dataclass(frozen=True, kw_only=True)
class GroupPlace:
    """The only order of groups: by key, then by value."""

    field: Duplicates
    direction: Direction = Direction.ASC
    nulls: Nulls = Nulls.LAST


GROUPS_OF_CONTACTS: Final[tuple[Order, ...]] = (GroupPlace(field=Duplicates.CONTACTS),)
GROUPS_OF_COMPANIES: Final[tuple[Order, ...]] = (GroupPlace(field=Duplicates.COMPANIES),)


def match_keys(kind: type[K], match_on: Sequence[K] | None) -> tuple[K, ...]:
    """The keys to look at, in their order: all that are no suggestions unless some are named.

    Raises:
        InvalidInput: None is named.
    """
    if match_on is None:
        return tuple(key for key in kind if key not in SUGGESTIONS)
    if not match_on:
        raise InvalidInput("matchOn is empty. Leave it out, or name a key.")
    return tuple(key for key in kind if key in match_on)
