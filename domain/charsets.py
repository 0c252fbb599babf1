"""Which of Python's codecs are charsets, in which files are written."""

import codecs
from typing import Final

# They read escapes, host names or nothing; what comes out of them need not be text.
_NO_CHARSETS: Final = frozenset(
    {"charmap", "hz", "idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined"}
    | {"unicode-escape", "utf-7"}
)


def charset_of(name: str) -> str | None:
    """Python's own name of a charset, such as `cp1252` for `Windows-1252`; None when it is none."""
    try:
        "".encode(name)  # refuses codecs such as base64 too
        found = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return None if found.replace("_", "-") in _NO_CHARSETS else found
