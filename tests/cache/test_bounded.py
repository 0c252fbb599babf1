"""Values that never change, kept up to a weight."""

from cache.bounded import BoundedCache


def of_texts(most: int) -> BoundedCache[str, str]:
    """A cache of texts, each as heavy as it is long."""
    return BoundedCache(max_bytes=most, weigh=len)


def test_least_used_goes_first() -> None:
    """To be asked for is to be used."""
    cache = of_texts(3)
    for key in "abc":
        cache.put(key, key)
    assert cache.get("a") == "a"
    cache.put("d", "d")
    assert [cache.get(key) for key in "abcd"] == ["a", None, "c", "d"]
    assert len(cache) == 3


def test_heavy_one_takes_the_place_of_several() -> None:
    """All together never weigh more than they may."""
    cache = of_texts(4)
    for key in "abcd":
        cache.put(key, key)
    cache.put("e", "eee")
    assert [cache.get(key) for key in "abcde"] == [None, None, None, "d", "eee"]


def test_what_is_heavier_than_all_is_not_kept() -> None:
    """It pushes nothing out."""
    cache = of_texts(2)
    cache.put("a", "a")
    cache.put("b", "bbb")
    assert (cache.get("a"), cache.get("b"), len(cache)) == ("a", None, 1)


def test_value_that_is_put_again_counts_once() -> None:
    """With the weight that it has now."""
    cache = of_texts(3)
    cache.put("a", "aaa")
    cache.put("a", "a")
    cache.put("b", "bb")
    assert (cache.get("a"), cache.get("b"), len(cache)) == ("a", "bb", 2)
