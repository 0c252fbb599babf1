"""The closed lists of the domain, with the values that users of such data already know."""

from enum import StrEnum


class Seniority(StrEnum):
    """How high a person stands in the hierarchy of the company."""

    OWNER = "OWNER"
    FOUNDER = "FOUNDER"
    C_SUITE = "C_SUITE"
    PARTNER = "PARTNER"
    VP = "VP"
    HEAD = "HEAD"
    DIRECTOR = "DIRECTOR"
    MANAGER = "MANAGER"
    SENIOR = "SENIOR"
    ENTRY = "ENTRY"
    INTERN = "INTERN"
    UNKNOWN = "UNKNOWN"


class EmailStatus(StrEnum):
    """What is known about whether mail to an address arrives."""

    VERIFIED = "VERIFIED"
    UNVERIFIED = "UNVERIFIED"
    LIKELY = "LIKELY"
    EXTRAPOLATED = "EXTRAPOLATED"
    CATCH_ALL = "CATCH_ALL"
    USER_MANAGED = "USER_MANAGED"
    POTENTIALLY_INVALID = "POTENTIALLY_INVALID"
    INVALID = "INVALID"
    BOUNCED = "BOUNCED"
    NO_LONGER_VERIFIED = "NO_LONGER_VERIFIED"
    UNAVAILABLE = "UNAVAILABLE"
    DO_NOT_MAIL = "DO_NOT_MAIL"
    ABUSE = "ABUSE"
    UNKNOWN = "UNKNOWN"


class EmailType(StrEnum):
    """Whose mailbox an address is."""

    WORK = "WORK"
    PERSONAL = "PERSONAL"
    OTHER = "OTHER"


class PhoneType(StrEnum):
    """What kind of line a number is."""

    WORK_DIRECT = "WORK_DIRECT"
    MOBILE = "MOBILE"
    HOME = "HOME"
    CORPORATE = "CORPORATE"
    COMPANY = "COMPANY"
    FAX = "FAX"
    OTHER = "OTHER"


class EmployeeRange(StrEnum):
    """The size classes of companies; both ends count."""

    R1_10 = "R1_10"
    R11_20 = "R11_20"
    R21_50 = "R21_50"
    R51_100 = "R51_100"
    R101_200 = "R101_200"
    R201_500 = "R201_500"
    R501_1000 = "R501_1000"
    R1001_2000 = "R1001_2000"
    R2001_5000 = "R2001_5000"
    R5001_10000 = "R5001_10000"
    R10001_PLUS = "R10001_PLUS"


class RecordSource(StrEnum):
    """How a record came to be."""

    IMPORT = "IMPORT"
    API = "API"
    MANUAL = "MANUAL"
    ENRICHMENT = "ENRICHMENT"
    MERGE = "MERGE"


class ActivityType(StrEnum):
    """What happened with a contact."""

    NOTE = "NOTE"
    EMAIL = "EMAIL"
    CALL = "CALL"
    MEETING = "MEETING"
    TASK = "TASK"


class Role(StrEnum):
    """What a user may do: viewers read and export, editors write and import, admins do all."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"
