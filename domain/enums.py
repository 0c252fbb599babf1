"""The closed lists of the domain, with the values that users of such data already know.

Each member carries the words that readers of the API see beside it.
"""

from enum import StrEnum
from typing import Final, Self


class DescribedEnum(StrEnum):
    """A list of texts, each with its words: `NAME = "value", "What it means."`.

    Attributes:
        doc: What the member means, for a reader who does not know its name.
    """

    _value_: str
    doc: str

    def __new__(cls, value: str, doc: str = "") -> Self:
        """A member that is its value, and has words."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.doc = doc
        return member


class Seniority(DescribedEnum):
    """How high a person stands in the hierarchy of the company."""

    OWNER = "OWNER", "Owns the company."
    FOUNDER = "FOUNDER", "Founded the company."
    C_SUITE = "C_SUITE", "A chief: CEO, CTO, CFO and the like."
    PARTNER = "PARTNER", "A partner of a firm."
    VP = "VP", "Vice president."
    HEAD = "HEAD", "Head of a department or function."
    DIRECTOR = "DIRECTOR", "Director, below the vice presidents."
    MANAGER = "MANAGER", "Leads a team."
    SENIOR = "SENIOR", "Experienced, without a team."
    ENTRY = "ENTRY", "In the first years of work."
    INTERN = "INTERN", "An intern or trainee."
    UNKNOWN = "UNKNOWN", "The source says that it does not know."


class EmailStatus(DescribedEnum):
    """What is known about whether mail to an address arrives."""

    VERIFIED = "VERIFIED", "Checked: mail arrives."
    UNVERIFIED = "UNVERIFIED", "Not checked yet."
    LIKELY = "LIKELY", "Not confirmed, but probably right."
    EXTRAPOLATED = "EXTRAPOLATED", "Guessed from how the company forms its addresses."
    CATCH_ALL = "CATCH_ALL", "The domain takes mail for any name, so a check says nothing."
    USER_MANAGED = "USER_MANAGED", "Entered and vouched for by a user."
    POTENTIALLY_INVALID = "POTENTIALLY_INVALID", "A check raised doubts."
    INVALID = "INVALID", "Checked: there is no such mailbox."
    BOUNCED = "BOUNCED", "Mail came back."
    NO_LONGER_VERIFIED = "NO_LONGER_VERIFIED", "Was verified once, too long ago to count."
    UNAVAILABLE = "UNAVAILABLE", "The source has no address to give."
    DO_NOT_MAIL = "DO_NOT_MAIL", "Must not be written to: a role address, disposable or opted out."
    ABUSE = "ABUSE", "Its owner is known to report mail as spam."
    UNKNOWN = "UNKNOWN", "A check gave no result, or none is on record."


class EmailType(DescribedEnum):
    """Whose mailbox an address is."""

    WORK = "WORK", "Given by the employer."
    PERSONAL = "PERSONAL", "The person's own."
    OTHER = "OTHER", "Neither, or not known."


class PhoneType(DescribedEnum):
    """What kind of line a number is."""

    WORK_DIRECT = "WORK_DIRECT", "Rings at the person's desk."
    MOBILE = "MOBILE", "A mobile phone."
    HOME = "HOME", "At the person's home."
    CORPORATE = "CORPORATE", "The switchboard of the group's headquarters."
    COMPANY = "COMPANY", "The main number of the company."
    FAX = "FAX", "A fax machine."
    OTHER = "OTHER", "None of these, or not known."


class EmployeeRange(DescribedEnum):
    """The size classes of companies; both ends count."""

    R1_10 = "R1_10", "1 to 10 employees."
    R11_20 = "R11_20", "11 to 20 employees."
    R21_50 = "R21_50", "21 to 50 employees."
    R51_100 = "R51_100", "51 to 100 employees."
    R101_200 = "R101_200", "101 to 200 employees."
    R201_500 = "R201_500", "201 to 500 employees."
    R501_1000 = "R501_1000", "501 to 1,000 employees."
    R1001_2000 = "R1001_2000", "1,001 to 2,000 employees."
    R2001_5000 = "R2001_5000", "2,001 to 5,000 employees."
    R5001_10000 = "R5001_10000", "5,001 to 10,000 employees."
    R10001_PLUS = "R10001_PLUS", "10,001 employees or more."


class RecordSource(DescribedEnum):
    """How a record came to be."""

    IMPORT = "IMPORT", "Loaded from a file."
    API = "API", "Written by a program."
    MANUAL = "MANUAL", "Typed in by a person."
    ENRICHMENT = "ENRICHMENT", "Bought or looked up to complete other records."
    MERGE = "MERGE", "Made from several records of the same thing."


class ActivityType(DescribedEnum):
    """What happened with a contact."""

    NOTE = "NOTE", "Somebody wrote something down."
    EMAIL = "EMAIL", "A mail was sent or received."
    CALL = "CALL", "A phone call."
    MEETING = "MEETING", "A meeting, in person or online."
    TASK = "TASK", "Something to be done."


class Role(DescribedEnum):
    """What a user may do; each may do all that those before it may."""

    VIEWER = "viewer", "Reads and exports."
    EDITOR = "editor", "Reads, writes and imports."
    ADMIN = "admin", "Does everything."

    def includes(self, role: "Role") -> bool:
        """Whether it may do all that another one may."""
        return _RANKS[self] >= _RANKS[role]


_RANKS: Final = {role: rank for rank, role in enumerate(Role)}


class SuppressedKey(DescribedEnum):
    """By which key an erased person is recognised and kept out."""

    EMAIL = "EMAIL", "An e-mail address."
    LINKEDIN = "LINKEDIN", "The address of a LinkedIn profile."


class ContactMatchKey(DescribedEnum):
    """By what two contacts are known to be the same person."""

    EMAIL = "EMAIL", "Any of their e-mail addresses, whatever its case."
    LINKEDIN_URL = "LINKEDIN_URL", "The address of their LinkedIn profile."
    PHONE_AND_LAST_NAME = (
        "PHONE_AND_LAST_NAME",
        "A phone number in international form together with the last name.",
    )
    NAME_AND_COMPANY_DOMAIN = (
        "NAME_AND_COMPANY_DOMAIN",
        "The full name together with the domain of the company: a suggestion, never more.",
    )


class CompanyMatchKey(DescribedEnum):
    """By what two companies are known to be the same."""

    DOMAIN = "DOMAIN", "Any of their domains, the main one or a further one."
    LINKEDIN_URL = "LINKEDIN_URL", "The address of their LinkedIn page."
    NAME_AND_COUNTRY = (
        "NAME_AND_COUNTRY",
        "The name without its legal form together with the country: a suggestion, never more.",
    )
