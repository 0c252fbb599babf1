"""Promises of `streaming.list_cells`: values of one cell come apart where they were joined."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.list_cells import split_addresses, split_escaped, split_list, split_numbers


@given(items=st.lists(st.text(alphabet="ab;\\ ,|\n"), min_size=1))
def test_what_our_exports_join_comes_apart_exactly(items: list[str]) -> None:
    """Whatever stands in the items, empty ones too."""
    joined = ";".join(item.replace("\\", "\\\\").replace(";", "\\;") for item in items)
    assert split_escaped(joined) == items


@pytest.mark.parametrize(
    ("cell", "items"),
    [
        ("a, b", ["a", " b"]),
        ("a; b, c", ["a", " b, c"]),
        ("a|b, c", ["a", "b, c"]),
        ("a\nb; c", ["a", "b; c"]),
        ("a ::: b; c", ["a ", " b; c"]),
        ("* mine ::: a", [" a"]),
        ("a\\;b;c", ["a;b", "c"]),
        ("C:\\dir", ["C:\\dir"]),
        ("", [""]),
    ],
)
def test_the_strongest_sign_in_a_cell_separates(cell: str, items: list[str]) -> None:
    """A weaker one is then part of the items."""
    assert split_list(cell) == items


@pytest.mark.parametrize(
    ("cell", "addresses"),
    [
        ("a@x.de; b@x.de", ["a@x.de", "b@x.de"]),
        ("a@x.de ::: b@x.de", ["a@x.de", "b@x.de"]),
        ("a@x.de b@x.de", ["a@x.de", "b@x.de"]),
        ("a@x,de", ["a@x,de"]),
        ("Ada <a@x.de>", ["Ada <a@x.de>"]),
        ("a@b@c d", ["a@b@c d"]),
    ],
)
def test_addresses_come_apart_where_all_parts_are_some(cell: str, addresses: list[str]) -> None:
    """What is one strange address stays whole, to be told as it is."""
    assert split_addresses(cell) == addresses


@pytest.mark.parametrize(
    ("cell", "numbers"),
    [
        ("+49 30 12345; +49 30 12346", ["+49 30 12345", "+49 30 12346"]),
        ("+49 30 12345 / +49 30 12346", ["+49 30 12345", "+49 30 12346"]),
        ("030/1234567", ["030/1234567"]),
        ("+49 30 12345, ext. 5", ["+49 30 12345, ext. 5"]),
        ("+49 30 12345;ext=5", ["+49 30 12345;ext=5"]),
    ],
)
def test_numbers_come_apart_and_keep_their_extensions(cell: str, numbers: list[str]) -> None:
    """A part with few digits belongs to the number before it."""
    assert split_numbers(cell) == numbers


@pytest.mark.parametrize("separator", [";", ",", "|", "\n", " ::: ", "\\\\;"])
def test_no_more_items_come_apart_than_asked_for(separator: str) -> None:
    """What is behind them stays one item."""
    items = split_list(separator.join("abcde"), 3)
    assert [item.strip(" \\") for item in items[:3]] == ["a", "b", "c"]
    assert len(items) == 4
    assert items[3].strip(" ") == separator.strip(" ").join("de") or ":::" in items[3]


@pytest.mark.parametrize("separator", [";", " ::: ", ", "])
def test_no_more_addresses_and_numbers_come_apart_than_asked_for(separator: str) -> None:
    """However many signs stand between two of them."""
    addresses = split_addresses(separator.join(f"a{n}@x.de" for n in range(9)), 3)
    assert addresses[:3] == ["a0@x.de", "a1@x.de", "a2@x.de"]
    assert len(addresses) == 4
    numbers = split_numbers(separator.join(f"+49 30 1234{n}" for n in range(9)), 3)
    assert numbers[:3] == ["+49 30 12340", "+49 30 12341", "+49 30 12342"]
    assert len(numbers) == 4
