"""The invented people of the demo records, with all that belongs to a contact."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from app import demo_words as words
from app.demo_chance import Chance, Weighted, slug
from app.demo_words import LOCALES
from db.staging import StagedCompany, StagedContact
from domain.enums import EmailStatus, EmailType, PhoneType, RecordSource, Seniority
from domain.validation import CleanContact

_LOCALES: Final = Weighted((locale, locale.weight) for locale in LOCALES)
_LOCALE_OF: Final = {locale.code: locale for locale in LOCALES}
_SENIORITIES: Final = Weighted(
    {
        Seniority.ENTRY: 22,
        Seniority.SENIOR: 22,
        Seniority.MANAGER: 20,
        Seniority.DIRECTOR: 11,
        Seniority.HEAD: 7,
        Seniority.VP: 6,
        Seniority.C_SUITE: 5,
        Seniority.INTERN: 3,
        Seniority.FOUNDER: 2,
        Seniority.OWNER: 1,
        Seniority.PARTNER: 1,
    }.items()
)
# {name}: the department in a title, {people}: what its people are called, {chief}: its chief.
_TITLES: Final = {
    Seniority.ENTRY: "{people}",
    Seniority.SENIOR: "Senior {people}",
    Seniority.MANAGER: "{name} Manager",
    Seniority.DIRECTOR: "Director of {name}",
    Seniority.HEAD: "Head of {name}",
    Seniority.VP: "VP {name}",
    Seniority.C_SUITE: "{chief}",
    Seniority.INTERN: "{name} Intern",
    Seniority.FOUNDER: "Founder & CEO",
    Seniority.OWNER: "Owner",
    Seniority.PARTNER: "Partner",
}
_WITHOUT_DEPARTMENT: Final = {Seniority.FOUNDER, Seniority.OWNER, Seniority.PARTNER}
_EMAIL_STATUSES: Final = Weighted(
    {
        EmailStatus.VERIFIED: 60,
        EmailStatus.UNVERIFIED: 12,
        EmailStatus.LIKELY: 9,
        EmailStatus.EXTRAPOLATED: 6,
        EmailStatus.CATCH_ALL: 5,
        EmailStatus.NO_LONGER_VERIFIED: 3,
        EmailStatus.BOUNCED: 2,
        EmailStatus.UNKNOWN: 3,
    }.items()
)
_PHONE_TYPES: Final = Weighted(
    {
        PhoneType.MOBILE: 5,
        PhoneType.WORK_DIRECT: 4,
        PhoneType.CORPORATE: 2,
        PhoneType.HOME: 1,
    }.items()
)
_SOURCES: Final = Weighted(
    {RecordSource.IMPORT: 14, RecordSource.MANUAL: 3, RecordSource.ENRICHMENT: 2}.items()
)
_DEPARTMENTS: Final = tuple(words.DEPARTMENTS)
_ACTIVITY_TYPES: Final = tuple(words.ACTIVITIES)
_TELLING: Final = ("name", "domain", "country", "region", "city")


def demo_contacts(
    count: int = 10_000, companies: Sequence[StagedCompany] = (), *, seed: int = 360
) -> Iterator[StagedContact]:
    """Contacts of the companies, more of the large ones; one in ten has no company."""
    chance = Chance(f"contacts {seed}")
    employers = Weighted((company.values, _share(company.values)) for company in companies)
    taken: set[str] = set()
    for line in range(1, count + 1):
        employer = chance.one_of(employers) if companies and chance.happens(0.9) else None
        yield _Person(chance, employer, taken).stage(line)


class _Person:
    """One contact in the making.

    Args:
        taken: The names in addresses that others have.
    """

    def __init__(self, chance: Chance, employer: Mapping[str, Any] | None, taken: set[str]) -> None:
        self._chance = chance
        self._employer = employer
        self._locale = chance.one_of(_LOCALES)
        if employer and chance.happens(0.85):
            self._locale = _LOCALE_OF[employer["country_code"]]
        self._first, latin_first = _name(chance, self._locale.given)
        self._last, latin_last = _name(chance, self._locale.family)
        self._address_name = _new_name(f"{slug(latin_first)}.{slug(latin_last)}", taken)
        self._created_at = chance.moment()

    def stage(self, line: int) -> StagedContact:
        """The contact with all that belongs to it."""
        values = {
            "first_name": self._first,
            "last_name": self._last if self._chance.happens(0.97) else None,
            **self._job(),
            **self._place(),
            **self._profile(),
            **self._dealings(),
            "source": self._chance.one_of(_SOURCES),
            "created_at": self._created_at,
        }
        said = {name: value for name, value in values.items() if value not in (None, [])}
        contact = CleanContact(said, self._emails(), self._phones())
        employer = self._employer or {}
        told = {name: employer[name] for name in _TELLING if name in employer}
        return StagedContact(line, contact, told or None, self._activities())

    def _job(self) -> dict[str, Any]:
        chance = self._chance
        if chance.happens(0.08):
            return {}
        seniority = chance.one_of(_SENIORITIES)
        department = chance.pick(_DEPARTMENTS)
        name, people, chief = words.DEPARTMENTS[department]
        has_department = seniority not in _WITHOUT_DEPARTMENT
        return {
            "title": _TITLES[seniority].format(name=name, people=people, chief=chief),
            "seniority": seniority if chance.happens(0.92) else None,
            "departments": [department] if has_department and chance.happens(0.9) else [],
            "functions": [name] if has_department and chance.happens(0.4) else [],
        }

    def _place(self) -> dict[str, Any]:
        chance, locale = self._chance, self._locale
        if chance.happens(0.1):
            return {}
        city, region = chance.pick(locale.cities)
        return {
            "city": city if chance.happens(0.9) else None,
            "region": region if chance.happens(0.8) else None,
            "country": locale.country,
            "country_code": locale.code,
            "timezone": locale.timezone if chance.happens(0.7) else None,
        }

    def _profile(self) -> dict[str, Any]:
        chance, name = self._chance, f"{self._address_name.replace('.', '-')}-demo"
        linkedin = f"https://www.linkedin.com/in/{name}"
        return {
            "linkedin_url": linkedin if chance.happens(0.7) else None,
            "twitter_url": f"https://x.com/{name}" if chance.happens(0.15) else None,
            "website_url": f"https://{name}.example.com/" if chance.happens(0.05) else None,
            "headline": chance.pick(words.HEADLINES) if chance.happens(0.3) else None,
            "notes": chance.pick(words.NOTES) if chance.happens(0.2) else None,
            "custom_fields": _custom_fields(chance) if chance.happens(0.1) else None,
        }

    def _dealings(self) -> dict[str, Any]:
        chance, created_at = self._chance, self._created_at
        return {
            "stage": chance.pick(words.STAGES) if chance.happens(0.75) else None,
            "lead_status": chance.pick(words.LEAD_STATUSES) if chance.happens(0.5) else None,
            "do_not_contact": chance.happens(0.02),
            "tags": chance.some(words.TAGS, 4) if chance.happens(0.5) else [],
            "last_contacted_at": chance.moment(created_at) if chance.happens(0.6) else None,
            "last_verified_at": chance.moment(created_at) if chance.happens(0.5) else None,
        }

    def _emails(self) -> list[dict[str, Any]]:
        chance = self._chance
        if chance.happens(0.15):
            return []
        domain = (self._employer or {}).get("domain")
        own = f"{self._address_name}@{chance.pick(words.FREE_MAIL_HOSTS)}"
        if not domain:
            return [self._email(own, EmailType.PERSONAL)]
        first = self._email(f"{self._address_name}@{domain}", EmailType.WORK)
        return [first, self._email(own, EmailType.PERSONAL)] if chance.happens(0.2) else [first]

    def _email(self, address: str, kind: EmailType) -> dict[str, Any]:
        chance, status = self._chance, self._chance.one_of(_EMAIL_STATUSES)
        is_verified = status is EmailStatus.VERIFIED
        return {
            "address": address,
            "type": kind,
            "status": status,
            "confidence": chance.number(50, 100) / 100 if chance.happens(0.6) else None,
            "is_catch_all": True if status is EmailStatus.CATCH_ALL else None,
            "verified_at": chance.moment(self._created_at) if is_verified else None,
        }

    def _phones(self) -> list[dict[str, Any]]:
        chance = self._chance
        count = chance.number(1, 3) if chance.happens(0.55) else 0
        return [self._phone() for _ in range(count)]

    def _phone(self) -> dict[str, Any]:
        chance, dial = self._chance, self._locale.dial
        area, number = chance.number(200, 989), chance.number(100_000, 999_999)
        return {
            "number": f"+{dial} {area} {number}",
            "e164": f"+{dial}{area}{number}",
            "type": chance.one_of(_PHONE_TYPES),
            "extension": str(chance.number(1, 99)) if chance.happens(0.05) else None,
        }

    def _activities(self) -> list[dict[str, Any]]:
        chance = self._chance
        count = chance.number(1, 4) if chance.happens(0.25) else 0
        return [self._activity() for _ in range(count)]

    def _activity(self) -> dict[str, Any]:
        kind = self._chance.pick(_ACTIVITY_TYPES)
        occurred_at = self._chance.moment(self._created_at)
        body = self._chance.pick(words.ACTIVITIES[kind])
        return {"type": kind, "body": body, "occurred_at": occurred_at, "created_at": occurred_at}


def _share(company: Mapping[str, Any]) -> float:
    return math.sqrt(company.get("employees_count") or 20)


def _name(chance: Chance, names: Sequence[str]) -> tuple[str, str]:
    """A name as it is written, and in Latin letters."""
    name, _, latin = chance.pick(names).partition("=")
    return name, latin or name


def _new_name(name: str, taken: set[str]) -> str:
    new, number = name, 1
    while new in taken:
        number += 1
        new = f"{name}{number}"
    taken.add(new)
    return new


def _custom_fields(chance: Chance) -> str:
    fields = {"shirtSize": chance.pick("SML"), "newsletterSince": chance.number(2019, 2025)}
    return orjson.dumps(fields).decode()
