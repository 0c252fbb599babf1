"""Promises of `streaming.value_sniffing`: cells are known by their looks, when most agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.value_sniffing import Looks, looks_of


@pytest.mark.parametrize(
    ("cells", "looks"),
    [
        (["ada@example.com", "", "bob@example.org"], Looks.EMAIL),
        (["linkedin.com/in/ada", "https://uk.linkedin.com/in/bob/"], Looks.LINKEDIN_PERSON),
        (["https://www.linkedin.com/company/a", "linkedin.com/school/b"], Looks.LINKEDIN_COMPANY),
        (["https://a.example", "www.b.example"], Looks.URL),
        (["+49 30 1234567", "(030) 123-4567", "'+1 202 555 0104"], Looks.PHONE),
        (["2024-03-12", "12.03.2024", "03/12/2024 08:00"], Looks.DATE),
        (["1", "2,000", "$5M"], Looks.NUMBER),
        (["4930123456", "4930123457"], Looks.NUMBER),
        (["Mr.", "Dr", "Frau"], Looks.SALUTATION),
        (["Ada", "Bob"], None),
        (["ada@example.com"], None),
        (["ada@example.com", "Bob", "Eve"], None),
        (["", " "], None),
    ],
)
def test_cells_look_like_what_most_of_them_are(cells: list[str], looks: Looks | None) -> None:
    """Two of them at least, and four of five."""
    assert looks_of(cells) is looks


@given(cells=st.lists(st.text(max_size=400), max_size=8))
def test_any_cells_look_like_something_or_nothing(cells: list[str]) -> None:
    """Nothing that stands in a file is too much for it."""
    assert looks_of(cells) in {None, *Looks}
