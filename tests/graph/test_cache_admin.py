"""The cache as admins see it: its numbers, letting go of answers, and making them beforehand."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from domain.enums import Role
from tests.apps import App, open_app
from tests.client import Client
from tests.factories import make_company, make_contact

STATS = """{ cacheStats {
    enabled backend hits misses bypasses hitRatio advice totalEntries validEntries maxEntries
    keyspaceHits keyspaceMisses totalCommandsProcessed
    recentInvalidations { at reason tags pattern metadata }
} }"""
INVALIDATE = """mutation ($input: InvalidateCacheInput!) { invalidateCache(input: $input) {
    removed userErrors { __typename code message path } clientMutationId } }"""
WARM = """mutation ($input: WarmCacheInput!) { warmCache(input: $input) {
    results { name ok error } userErrors { code message path } clientMutationId } }"""
CONTACTS = "{ contacts { nodes { fullName } } }"
COMPANIES = "{ companies { nodes { name } } }"

pytestmark = pytest.mark.one_executor("what is kept depends on who asked before")


@pytest.fixture
async def app(database_url: URL, tmp_path: Path) -> AsyncIterator[App]:
    """An application with a cache in memory."""
    (tmp_path / "Overview.graphql").write_text("query Overview { contacts { totalCount } }")
    (tmp_path / "mine.graphql").write_text("{ viewer { id } }")
    (tmp_path / "one.graphql").write_text("query ($id: ID!) { contact(id: $id) { id } }")
    (tmp_path / "two.graphql").write_text("query A { a: __typename } query B { b: __typename }")
    (tmp_path / "change.graphql").write_text(
        'mutation Change { createCompany(input: {name: "A"}) { company { id } } }'
    )
    async with open_app(
        database_url, tmp_path, with_cache=True, documents_dir=tmp_path, cache_max_size=50
    ) as opened:
        yield opened


@pytest.fixture
def admin(app: App) -> Client:
    """A GraphQL client of an admin."""
    return app.client(Role.ADMIN)


async def stats(admin: Client) -> dict[str, Any]:
    """What the cache tells."""
    found: dict[str, Any] = (await admin.query(STATS))["cacheStats"]
    return found


async def invalidate(admin: Client, pattern: str, **more: Any) -> dict[str, Any]:
    """What came of letting go of answers."""
    given = {"pattern": pattern, "reason": "a test", **more}
    found: dict[str, Any] = (await admin.query(INVALIDATE, input=given))["invalidateCache"]
    return found


async def warm(admin: Client, *names: str) -> list[dict[str, Any]]:
    """What became of warmers."""
    answer = (await admin.query(WARM, input={"names": names}))["warmCache"]
    assert answer["userErrors"] == []
    results: list[dict[str, Any]] = answer["results"]
    return results


async def test_stats_of_a_new_cache_are_nothing(admin: Client) -> None:
    """Everything is there before anything was asked, and what Redis would tell is null."""
    assert await stats(admin) == {
        "enabled": True,
        "backend": "in-memory (cachetools.TLRUCache)",
        "hits": "0",
        "misses": "0",
        "bypasses": "0",
        "hitRatio": None,
        "advice": None,
        "totalEntries": "0",
        "validEntries": "0",
        "maxEntries": "50",
        "keyspaceHits": None,
        "keyspaceMisses": None,
        "totalCommandsProcessed": None,
        "recentInvalidations": [],
    }


async def test_stats_count_what_the_cache_answered(admin: Client) -> None:
    """One miss and four hits are a ratio of 0.8, which is fine but not yet good."""
    for _ in range(5):
        await admin.query(CONTACTS)
    found = await stats(admin)
    assert (found["misses"], found["hits"], found["bypasses"]) == ("1", "4", "0")
    assert (found["hitRatio"], found["advice"]) == (0.8, "FINE")
    assert (found["totalEntries"], found["validEntries"]) == ("1", "1")


async def test_request_that_wants_nothing_kept_is_answered_past_the_cache(app: App) -> None:
    """A header of the request says so; what it reads is counted and not kept."""
    asked = app.client().headers | {"Cache-Control": "no-cache"}
    for _ in range(2):
        answer = await app.http.post("/graphql", json={"query": CONTACTS}, headers=asked)
        assert answer.json()["data"] == {"contacts": {"nodes": []}}
    found = await stats(app.client(Role.ADMIN))
    assert (found["misses"], found["hits"], found["bypasses"]) == ("0", "0", "2")
    assert found["totalEntries"] == "0"


async def test_stats_tell_what_changes_made_old(app: App, admin: Client) -> None:
    """The newest first, with the time, and by what their answers are known."""
    await admin.query(COMPANIES)
    row = await make_company(app.resources.database)
    (event,) = (await stats(admin))["recentInvalidations"]
    assert (event["reason"], event["pattern"], event["metadata"]) == ("records_changed", None, {})
    assert event["tags"] == [f"company:{row.id}", "list:Company"]
    age = datetime.now(UTC) - datetime.fromisoformat(event["at"])
    assert timedelta(0) <= age < timedelta(minutes=1)


async def test_pattern_lets_go_of_what_it_matches(admin: Client) -> None:
    """Only of that; who did it and why stands among the recent invalidations."""
    await admin.query(CONTACTS)
    await admin.query(COMPANIES)
    answer = await invalidate(
        admin,
        "query_cache:contacts:*",
        reason=" bad import ",
        metadata={"ticket": 7},
        clientMutationId="m",
    )
    assert answer == {"removed": 1, "userErrors": [], "clientMutationId": "m"}
    assert (await stats(admin))["totalEntries"] == "1"
    (event,) = (await stats(admin))["recentInvalidations"]
    assert (event["reason"], event["metadata"]) == ("bad import", {"ticket": 7})
    assert (event["pattern"], event["tags"]) == ("query_cache:contacts:*", [])
    assert (await invalidate(admin, "query_cache:contacts:*"))["removed"] == 0
    assert (await invalidate(admin, "query_cache:*"))["removed"] == 1


REFUSED: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "keys of others": (
        {"pattern": "*"},
        "INVALID_VALUE",
        "pattern",
        "A pattern begins with `query_cache:`, as in `query_cache:contacts:*`.",
    ),
    "empty": (
        {"pattern": ""},
        "INVALID_VALUE",
        "pattern",
        "A pattern begins with `query_cache:`, as in `query_cache:contacts:*`.",
    ),
    "long pattern": (
        {"pattern": "query_cache:" + "?" * 500},
        "TOO_LONG",
        "pattern",
        "A pattern has at most 500 characters.",
    ),
    "no reason": ({"reason": " "}, "REQUIRED", "reason", "Say why."),
    "long reason": (
        {"reason": "x" * 201},
        "TOO_LONG",
        "reason",
        "A reason has at most 200 characters.",
    ),
    "list as metadata": (
        {"metadata": [1]},
        "INVALID_VALUE",
        "metadata",
        "The metadata is not an object.",
    ),
}


@pytest.mark.parametrize(("given", "code", "field", "message"), REFUSED.values(), ids=REFUSED)
async def test_pattern_that_cannot_be_used_is_refused(
    app: App, admin: Client, given: dict[str, Any], code: str, field: str, message: str
) -> None:
    """Nothing is let go of, and the answer says what to do."""
    assert app.resources.caching.lease is not None
    await app.resources.caching.lease.usable()
    await admin.query(CONTACTS)
    asked = {"pattern": "query_cache:*", "reason": "a test", **given}
    answer = (await admin.query(INVALIDATE, input=asked))["invalidateCache"]
    (error,) = answer["userErrors"]
    assert error == {
        "__typename": "ValidationError",
        "code": code,
        "message": message,
        "path": [field],
    }
    assert answer["removed"] is None
    assert (await stats(admin))["totalEntries"] == "1"


async def test_warmed_answers_are_found_by_requests(app: App, admin: Client) -> None:
    """A stored document that was warmed is a hit for whoever names it or sends it."""
    await make_contact(app.resources.database)
    assert await warm(admin, "Overview") == [{"name": "Overview", "ok": True, "error": None}]
    before = await stats(admin)
    answer = await app.get({"documentId": "Overview"})
    assert answer.json()["data"] == {"contacts": {"totalCount": 1}}
    await admin.query("{ contacts { totalCount } }")
    after = await stats(admin)
    assert (before["hits"], after["hits"]) == ("0", "2")
    assert after["misses"] == before["misses"]


async def test_warmers_of_ours_make_one_entry_each(admin: Client) -> None:
    """The settings are no entry: they are kept by the process itself."""
    results = await warm(admin, "contacts:popular", "companies:active", "settings:app")
    assert [result["error"] for result in results] == [None, None, None]
    assert (await stats(admin))["totalEntries"] == "2"


FAILING = {
    "nothing": "There is no warmer 'nothing'. There are contacts:popular, companies:active, "
    "settings:app and the stored documents.",
    "change": "'change' is no query.",
    "two": "'two' is not one operation.",
    "one": "'one' was not answered: Variable '$id' has invalid value: "
    "Expected a value of non-null type 'ID!' to be provided.",
    "mine": "'mine' was not answered: The user of this token does not exist any more.",
}


async def test_warmer_that_fails_does_not_stop_the_others(admin: Client) -> None:
    """Each tells why for itself; what cannot be warmed has changed nothing."""
    results = await warm(admin, *FAILING, "Overview")
    *failed, last = results
    assert {result["name"]: result["error"] for result in failed} == FAILING
    assert not any(result["ok"] for result in failed)
    assert last == {"name": "Overview", "ok": True, "error": None}
    assert await admin.query("{ companies { totalCount } }") == {"companies": {"totalCount": 0}}


@pytest.mark.parametrize(
    ("names", "code", "message"),
    [
        ([], "REQUIRED", "Name what to warm."),
        (["a"] * 21, "TOO_LONG", "21 names were given; at most 20 fit."),
    ],
)
async def test_wrong_number_of_warmers_is_refused(
    admin: Client, names: list[str], code: str, message: str
) -> None:
    """Nothing is warmed then."""
    answer = (await admin.query(WARM, input={"names": names}))["warmCache"]
    assert answer["results"] == []
    assert answer["userErrors"] == [{"code": code, "message": message, "path": ["names"]}]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
async def test_cache_is_for_admins_alone(app: App, role: Role) -> None:
    """Others are told which role they need, and change nothing."""
    client = app.client(role)
    invalidation = {"pattern": "query_cache:*", "reason": "a test"}
    for error in (
        await client.fail(STATS),
        await client.fail(INVALIDATE, input=invalidation),
        await client.fail(WARM, input={"names": ["Overview"]}),
    ):
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert "needs the role admin" in error["message"]


async def test_without_a_cache_there_is_nothing_to_tell(database_url: URL, tmp_path: Path) -> None:
    """The numbers are those of none, and whoever wants to change it is told the setting."""
    async with open_app(database_url, tmp_path, with_cache=True, enable_query_caching=False) as app:
        admin = app.client(Role.ADMIN)
        found = await stats(admin)
        assert (found.pop("enabled"), found.pop("recentInvalidations")) == (False, [])
        assert {found.pop(name) for name in ("hits", "misses", "bypasses")} == {"0"}
        assert set(found.values()) == {None}
        invalidation = {"pattern": "query_cache:*", "reason": "a test"}
        for error in (
            await admin.fail(INVALIDATE, input=invalidation),
            await admin.fail(WARM, input={"names": ["Overview"]}),
        ):
            assert error["extensions"]["code"] == "FEATURE_DISABLED"
            assert error["message"] == "There is no cache: ENABLE_QUERY_CACHING is false."
