"""The invented companies of the demo records."""

from collections.abc import Iterator
from typing import Any, Final

from app import demo_words as words
from app.demo_chance import Chance, Weighted, slug
from app.demo_words import LOCALES, Locale
from db.staging import StagedCompany
from domain.enums import RecordSource

_LOCALES: Final = Weighted((locale, locale.weight) for locale in LOCALES)
_SOURCES: Final = Weighted(
    {RecordSource.IMPORT: 8, RecordSource.ENRICHMENT: 3, RecordSource.API: 1}.items()
)
_OWNERSHIPS: Final = Weighted(
    {"PRIVATE": 80, "PUBLIC": 8, "NON_PROFIT": 5, "GOVERNMENT": 2}.items()
)
_MAX_EMPLOYEES: Final = 400_000


def demo_companies(count: int = 2_000, *, seed: int = 360) -> Iterator[StagedCompany]:
    """Companies with different names and domains; most are small, a few are very large."""
    chance = Chance(f"companies {seed}")
    names: set[str] = set()
    for line in range(1, count + 1):
        locale = chance.one_of(_LOCALES)
        stem = _new_stem(chance, names)
        values = {
            **_identity(chance, locale, stem),
            **_trade(chance, stem),
            **_size(chance, locale),
            **_address(chance, locale),
            "source": chance.one_of(_SOURCES),
            "created_at": chance.moment(),
        }
        said = {name: value for name, value in values.items() if value not in (None, [])}
        yield StagedCompany(line, said)


def _new_stem(chance: Chance, taken: set[str]) -> str:
    stem = chance.pick(words.COMPANY_STARTS) + chance.pick(words.COMPANY_MIDDLES)
    while stem in taken:
        stem = f"{stem} {chance.pick(words.COMPANY_STARTS)}"
    taken.add(stem)
    return stem


def _identity(chance: Chance, locale: Locale, stem: str) -> dict[str, Any]:
    name = slug(stem)
    domain = f"{name}.{chance.pick(words.HOSTS)}"
    has_domain = chance.happens(0.96)
    return {
        "name": f"{stem} {chance.pick(locale.suffixes)}",
        "name_for_emails": stem if chance.happens(0.6) else None,
        "domain": domain if has_domain else None,
        "website_url": f"https://www.{domain}/" if has_domain else None,
        "linkedin_url": _profile(chance, "https://www.linkedin.com/company", name, often=0.8),
        "facebook_url": _profile(chance, "https://www.facebook.com", name, often=0.4),
        "twitter_url": _profile(chance, "https://x.com", name, often=0.4),
    }


def _profile(chance: Chance, site: str, name: str, *, often: float) -> str | None:
    return f"{site}/{name}-demo" if chance.happens(often) else None


def _trade(chance: Chance, stem: str) -> dict[str, Any]:
    industry = chance.pick(tuple(words.INDUSTRIES))
    keywords = words.INDUSTRIES[industry]
    text = f"{stem} offers {keywords[0]} and {keywords[1]} to customers in many countries."
    return {
        "industries": [industry] if chance.happens(0.93) else [],
        "keywords": chance.some(keywords, len(keywords)),
        "technologies": chance.some(words.TECHNOLOGIES, 8) if chance.happens(0.7) else [],
        "short_description": text if chance.happens(0.75) else None,
        "stage": chance.pick(words.STAGES) if chance.happens(0.4) else None,
    }


def _size(chance: Chance, locale: Locale) -> dict[str, Any]:
    employees = min(int(chance.long_tailed(45, 1.7)) + 1, _MAX_EMPLOYEES)
    revenue = round(employees * chance.long_tailed(120_000, 0.5), -4)
    ownership = chance.one_of(_OWNERSHIPS)
    is_public = ownership == "PUBLIC"
    return {
        "employees_count": employees if chance.happens(0.9) else None,
        "annual_revenue": int(revenue) if chance.happens(0.75) else None,
        "currency": locale.currency,
        "founded_year": 2025 - min(int(chance.long_tailed(15, 0.9)), 225),
        "ownership_type": ownership if chance.happens(0.8) else None,
        "ticker": f"{locale.code}{chance.number(1000, 9999)}" if is_public else None,
        "retail_locations": chance.number(1, 300) if chance.happens(0.05) else None,
        **(_funding(chance) if chance.happens(0.25) else {}),
    }


def _funding(chance: Chance) -> dict[str, Any]:
    amount = int(round(chance.long_tailed(6_000_000, 1.2), -5)) + 100_000
    return {
        "latest_funding": chance.pick(words.FUNDING_ROUNDS),
        "latest_funding_amount": amount,
        "total_funding": amount * chance.number(1, 4),
        "last_raised_at": chance.moment().date(),
    }


def _address(chance: Chance, locale: Locale) -> dict[str, Any]:
    city, region = chance.pick(locale.cities)
    return {
        "street": f"{chance.pick(words.STREETS)} {chance.number(1, 200)}",
        "city": city,
        "region": region,
        "postal_code": f"{chance.number(10_000, 99_999)}",
        "country": locale.country,
        "country_code": locale.code,
        "timezone": locale.timezone,
        "phone": f"+{locale.dial} {chance.number(100, 999)} {chance.number(100_000, 999_999)}",
    }
