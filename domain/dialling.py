"""The international form of phone numbers that are written plainly, without parsing them whole.

Files have millions, and the library takes 50 µs for each. Whatever is not plain (a national prefix,
letters, codes of no country) is left to it, so both give the same.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final, NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, country_code_for_region

_PLAIN: Final = re.compile(r"(\+?)([\d ().-]{4,40})", re.ASCII)
_NO_DIGITS: Final = {ord(sign): None for sign in " ().-"}
_NOT_GEOGRAPHIC: Final = "001"


class _Plan(NamedTuple):
    """How the numbers of a country are written.

    Attributes:
        prefixed: Matches what has to be taken off before a national number; None where nothing.
        abroad: Matches what is dialled before a number of another country.
        lengths: How many digits a national number has.
    """

    country_code: str
    prefixed: re.Pattern[str] | None
    abroad: re.Pattern[str] | None
    lengths: Collection[int]


def quick_e164(number: str, region: str | None) -> str | None:
    """`+` and the digits of a number; None where only the library can tell.

    Args:
        region: Two capital letters; numbers without a country are read as of there.
    """
    plain = _PLAIN.fullmatch(number)
    if plain is None:
        return None
    digits = plain[2].translate(_NO_DIGITS)
    plan = _plan_of_number(digits) if plain[1] else _plan_of_region(region or "")
    if plan is None:
        return None
    if plain[1]:
        digits = digits[len(plan.country_code) :]
    elif digits.startswith(plan.country_code) or (plan.abroad and plan.abroad.match(digits)):
        return None
    if len(digits) not in plan.lengths or (plan.prefixed and plan.prefixed.match(digits)):
        return None
    return f"+{plan.country_code}{digits}"


def _plan_of_number(digits: str) -> _Plan | None:
    for length in (1, 2, 3):
        if regions := COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length] or 0)):
            return _plan_of_region(regions[0])
    return None


@lru_cache(maxsize=512)
def _plan_of_region(region: str) -> _Plan | None:
    metadata = PhoneMetadata.metadata_for_region(region) if region != _NOT_GEOGRAPHIC else None
    if metadata is None:
        return None
    code = country_code_for_region(region)
    # The lengths of numbers are those of the country that leads its code, as of the US for 1.
    leading = PhoneMetadata.metadata_for_region(COUNTRY_CODE_TO_REGION_CODE[code][0])
    described = leading and leading.general_desc
    return _Plan(
        str(code),
        _compiled(metadata.national_prefix_for_parsing),
        _compiled(metadata.international_prefix),
        frozenset(described.possible_length if described else ()),
    )


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    return re.compile(pattern) if pattern else None
