"""What caches on the way are told: exact headers, and tags that mean one content."""

import pytest

from cache.http import Freshness, entity_tag, is_current, is_private, wants_fresh

TAG = entity_tag(b"content", "application/json")


@pytest.mark.parametrize(
    ("freshness", "header"),
    [
        (Freshness(max_age_seconds=300), "public, max-age=300"),
        (Freshness(max_age_seconds=0), "public, max-age=0"),
        (Freshness(max_age_seconds=60, is_public=False), "private, max-age=60"),
        (
            Freshness(max_age_seconds=60, must_revalidate=True),
            "public, max-age=60, must-revalidate",
        ),
        (
            Freshness(max_age_seconds=31_536_000, is_immutable=True),
            "public, max-age=31536000, immutable",
        ),
        (
            Freshness(max_age_seconds=1, is_public=False, must_revalidate=True, is_immutable=True),
            "private, max-age=1, must-revalidate, immutable",
        ),
    ],
)
def test_freshness_is_told_exactly(freshness: Freshness, header: str) -> None:
    """Each part of the policy is one directive, in this order."""
    assert freshness.cache_control == header


def test_tag_is_of_the_content_and_its_form() -> None:
    """The same content has the same tag; another one, or another media type, has another."""
    assert entity_tag(b"content", "application/json") == TAG
    assert (
        len({TAG, entity_tag(b"Content", "application/json"), entity_tag(b"content", "a/b")}) == 3
    )
    assert TAG.startswith('"')
    assert TAG.endswith('"')
    assert len(TAG) == 34


@pytest.mark.parametrize(
    "header",
    [TAG, f"W/{TAG}", "*", " * ", f'"other", {TAG}', f'"other",W/{TAG}', f'"a, b",   {TAG} ,"c"'],
)
def test_client_that_has_it_is_recognised(header: str) -> None:
    """Alone or in a list, weak or strong, with commas in the tags of others; or any at all."""
    assert is_current(header, TAG)


@pytest.mark.parametrize("header", ['W/"v1"', '"v1"', 'W/"v0", W/"v1"', "*"])
def test_weak_tag_is_recognised(header: str) -> None:
    """Whether the client has it as a weak one or not."""
    assert is_current(header, 'W/"v1"')


@pytest.mark.parametrize("header", ['W/"v2"', '"W/"', "W/v1", '"W/"v1""'])
def test_weak_tag_is_not_taken_for_another(header: str) -> None:
    """What stands between the quotes decides."""
    assert not is_current(header, 'W/"v1"')


@pytest.mark.parametrize(
    "header",
    [None, "", '"other"', TAG.strip('"'), TAG[:-1], '"*"', '"other", *', f'"x{TAG[1:]}', "W/"],
)
def test_client_that_has_something_else_is_not(header: str | None) -> None:
    """Neither a tag without its quotes nor a star that stands in a list is this one."""
    assert not is_current(header, TAG)


@pytest.mark.parametrize(
    "header", ["no-cache", "No-Store", "max-age=0", "max-age=60, no-cache", "only-if-x,no-cache "]
)
def test_client_may_want_nothing_that_was_kept(header: str) -> None:
    """As a browser does that reloads."""
    assert wants_fresh(header)


@pytest.mark.parametrize("header", ["", "max-age=60", "max-age=00", "no-transform", "x-no-cache"])
def test_client_may_take_what_was_kept(header: str) -> None:
    """Other wishes are no such wish."""
    assert not wants_fresh(header)


@pytest.mark.parametrize(
    ("header", "private"),
    [
        ("private, no-cache", True),
        ("no-store", True),
        ("max-age=5, Private", True),
        ("public, max-age=5", False),
        ("s-maxage=5", False),
        ("", False),
    ],
)
def test_private_is_what_no_proxy_keeps(header: str, private: bool) -> None:
    """Only two directives keep an answer from proxies."""
    assert is_private(header) is private
