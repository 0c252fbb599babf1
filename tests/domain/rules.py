"""Signs that nobody sees, and the names of rules that are tried."""

NBSP, ZWSP, BOM = "\u00a0", "\u200b", "\ufeff"


def named(rule: object) -> str:
    return str(getattr(rule, "__name__", rule))
