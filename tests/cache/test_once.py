"""What is made once: the same object for everybody, whoever comes first."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.settings import Settings
from cache.once import MadeOnce
from graph.documents import Documents
from graph.schema import build_schema, core_schema

THREADS = 8


def test_same_object_is_given_until_it_is_forgotten() -> None:
    """Two calls give one object; after forgetting it there is another."""
    made = MadeOnce(object)
    first = made()
    assert made() is first
    made.cache_clear()
    assert made() is not first


def test_threads_that_come_together_make_it_once() -> None:
    """The others wait for the one that makes it."""
    start, calls = threading.Barrier(THREADS), []

    def make() -> object:
        calls.append(threading.get_ident())
        # Without a lock the others would come in meanwhile; with one the test only waits.
        time.sleep(0.05)
        return object()

    made = MadeOnce(make)

    def ask() -> object:
        start.wait(10)
        return made()

    with ThreadPoolExecutor(THREADS) as pool:
        found = {id(thing) for thing in pool.map(lambda _: ask(), range(THREADS))}
    assert (len(found), len(calls)) == (1, 1)


def test_error_is_not_kept() -> None:
    """What could not be made is tried again."""
    problems = [LookupError("not yet")]

    def make() -> str:
        if problems:
            raise problems.pop()
        return "made"

    made = MadeOnce(make)
    with pytest.raises(LookupError):
        made()
    assert made() == "made"


def test_schema_is_built_once_and_documents_are_read_once() -> None:
    """Everybody who executes has the same schema, and the same tree of the same text."""
    assert build_schema() is build_schema()
    assert core_schema() is core_schema()
    documents = Documents(core_schema())
    document = documents.get("{ __typename }")
    assert documents.get("{ __typename }") is document
    assert Documents(core_schema()).get("{ __typename }") is not document


def test_settings_cannot_be_changed() -> None:
    """They are read once, and handed on to whoever needs one."""
    settings = Settings(_env_file=None)
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc]  # that is what must not be possible
