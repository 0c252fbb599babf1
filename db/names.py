"""Names and texts as SQL writes them, where a statement cannot take them as values."""


def quoted(name: str) -> str:
    """A name in its quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in its quotes, whatever `standard_conforming_strings` says."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"
