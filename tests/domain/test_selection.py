"""Promises of `domain.selection`."""

from dataclasses import replace

from domain.selection import Selection

COMPANY = Selection(("name",), (("parent", Selection(("name",))),))


def test_selections_of_the_same_are_one_key() -> None:
    """What was worked out for a selection is found with an equal one."""
    known = {Selection(("email",), (("company", COMPANY),)): "worked out"}
    assert known[Selection(("email",), (("company", replace(COMPANY)),))] == "worked out"


def test_selections_differ_by_whatever_is_wanted() -> None:
    """Columns, relations and cursors each make another selection."""
    plain = Selection(("email",))
    others = [
        Selection(("title",)),
        Selection(("email",), (("company", COMPANY),)),
        Selection(("email",), (("company", Selection(("name",))),)),
        Selection(("email",), cursors=False),
    ]
    assert len({plain, *others}) == 5
