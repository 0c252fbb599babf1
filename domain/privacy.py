"""By which keys a person who must not be stored is recognised: e-mail addresses and the profile.

A key has the form in which it is stored with a contact, so the same person gives the same key
however the address was written.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from domain.absent import given
from domain.contact_points import normalize_email, normalize_linkedin_url
from domain.enums import DescribedEnum, SuppressedKey
from domain.errors import InvalidValue, Problem, ProblemCode, Rejected
from domain.normalize import normalize_text
from domain.paging import Direction, Nulls, Order
from domain.records import MAX_LINE_CHARS
from domain.validation import CleanContact, Path

MAX_ERASED: Final = 1000
"""Contacts that can be erased at once."""

# Files give the page of the employer as if it were the person's: all colleagues would be one.
_OF_A_COMPANY: Final = re.compile(r"https://www\.linkedin\.com/(?:company|school|showcase)/")


class ErasureStatus(DescribedEnum):
    """What became of a contact that was to be erased."""

    ERASED = "ERASED", "It is gone for good."
    FAILED = "FAILED", "It is as it was; `userErrors` says why."


class SuppressionOrderField(DescribedEnum):
    """What entries of the list can be ordered by."""

    CREATED_AT = "CREATED_AT", "When the entry was made."


@dataclass(frozen=True, kw_only=True)
class SuppressionOrder:
    """One key of the order of entries."""

    field: SuppressionOrderField
    direction: Direction = Direction.ASC
    nulls: Nulls = Nulls.LAST


NEWEST_SUPPRESSIONS: Final[tuple[Order, ...]] = (
    SuppressionOrder(field=SuppressionOrderField.CREATED_AT, direction=Direction.DESC),
)


class PersonKey(NamedTuple):
    """One thing by which a person is recognised.

    Attributes:
        value: An address in lower case, or a profile in its stored form.
    """

    kind: SuppressedKey
    value: str

    @property
    def is_personal(self) -> bool:
        """Whether it tells a person from others; the page of a company does not."""
        return self.kind is SuppressedKey.EMAIL or not _OF_A_COMPANY.match(self.value)


@dataclass(frozen=True)
class NewSuppression:
    """Who is to be kept out.

    Attributes:
        keys: Where in the input each key stands.
        reason: Why, in a line; never about whom.
    """

    keys: Mapping[PersonKey, Path]
    reason: str | None = None


def keys_of(contact: CleanContact) -> dict[PersonKey, Path]:
    """What a contact's input gives to recognise the person by, and where it stands there."""
    keys: dict[PersonKey, Path] = {
        _of_address(email["address"]): ("emails", str(at), "address")
        for at, email in enumerate(contact.emails or ())
        if email["address"]
    }
    if url := contact.values.get("linkedin_url"):
        keys[PersonKey(SuppressedKey.LINKEDIN, url)] = ("linkedinUrl",)
    return {key: path for key, path in keys.items() if key.is_personal}


def clean_suppression(*, email: Any, linkedin_url: Any, reason: Any = None) -> NewSuppression:
    """The keys of a person as they are written, in their stored form; null says nothing.

    Raises:
        Rejected: There is neither address nor profile, or one of the values cannot be used.
    """
    cleaner = _Cleaner()
    address = cleaner.clean(email, normalize_email, ("email",))
    url = cleaner.clean(linkedin_url, _profile, ("linkedinUrl",))
    line = cleaner.clean(reason, _line, ("reason",))
    if not (_says_something(email) or _says_something(linkedin_url)):
        cleaner.refuse(ProblemCode.REQUIRED, "Give an e-mail address or a profile.", ("email",))
    cleaner.check()
    keys: dict[PersonKey, Path] = {}
    if address:
        keys[_of_address(address)] = ("email",)
    if url:
        keys[PersonKey(SuppressedKey.LINKEDIN, url)] = ("linkedinUrl",)
    return NewSuppression(keys, line)


def clean_reason(reason: Any) -> str | None:
    """The reason of an erasure as it is stored.

    Raises:
        Rejected: It is too long, or no text that can be stored.
    """
    cleaner = _Cleaner()
    line = cleaner.clean(reason, _line, ("reason",))
    cleaner.check()
    return line


class _Cleaner:
    """Applies rules to values and collects what they refuse."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def clean(self, value: Any, rule: Callable[[str], str | None], path: Path) -> str | None:
        if not _says_something(value):
            return None
        try:
            return rule(value)
        except InvalidValue as error:
            self.refuse(error.code, error.message, path)
            return None

    def refuse(self, code: ProblemCode, message: str, path: Path) -> None:
        self._problems.append(Problem(code=code, message=message, path=path))

    def check(self) -> None:
        if self._problems:
            raise Rejected(self._problems)


def _says_something(value: Any) -> bool:
    return given(value) and value is not None


def _of_address(address: str) -> PersonKey:
    return PersonKey(SuppressedKey.EMAIL, address.lower())


def _profile(value: str) -> str:
    url = normalize_linkedin_url(value)
    if not PersonKey(SuppressedKey.LINKEDIN, url).is_personal:
        message = "This is the page of a company or school; give the profile of a person."
        raise InvalidValue(ProblemCode.INVALID_URL, message)
    return url


def _line(value: str) -> str | None:
    line = normalize_text(value)
    if line and len(line) > MAX_LINE_CHARS:
        message = f"{len(line)} characters; at most {MAX_LINE_CHARS} fit."
        raise InvalidValue(ProblemCode.TOO_LONG, message)
    return line
