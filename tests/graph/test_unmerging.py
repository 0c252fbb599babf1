"""Merges that are undone through the API: what comes back, what stays, and until when."""

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.engine import URL

from db.transaction import Database
from domain.enums import Role
from tests.apps import open_app
from tests.client import Client
from tests.factories import make_contact
from tests.graph.documents import MUTATIONS
from tests.graph.ids import id_of
from tests.graph.merges import merge, pair, undo
from tests.graph.rows import execute, read_rows, snapshot


async def test_undo_brings_the_contacts_back(client: Client, resources_database: Database) -> None:
    """Both are in every list again with their own values, and the merge tells when."""
    ada, other = await pair(resources_database)
    merged = (await merge(client, ada, other, primaryId=id_of(ada)))["merge"]
    payload = await undo(client, merged["id"], clientMutationId="u")
    undone_at = payload["merge"].pop("undoneAt")
    assert undone_at > merged["mergedAt"]
    del merged["undoneAt"]
    assert payload == {
        "contact": {
            "id": id_of(ada),
            "fullName": "Ada",
            "title": None,
            "version": 3,
            "emails": [{"address": "ada@acme.com"}],
        },
        "merge": merged | {"canUndoUntil": None},
        "keptFields": [],
        "keptEmails": [],
        "userErrors": [],
        "clientMutationId": "u",
    }
    document = """{ contacts(orderBy: {field: CREATED_AT}) { nodes {
        id title email mergedInto { id } emails { address } } } }"""
    nodes = (await client.query(document))["contacts"]["nodes"]
    emails = [[{"address": "ada@acme.com"}], [{"address": "king@acme.com"}]]
    assert [tuple(node.values()) for node in nodes] == [
        (id_of(ada), None, "ada@acme.com", None, emails[0]),
        (id_of(other), "CTO", "king@acme.com", None, emails[1]),
    ]


async def test_undo_tells_what_stays(client: Client, resources_database: Database) -> None:
    """Fields that were changed since, and addresses that others have by now."""
    ada, other = await pair(resources_database)
    merged = (await merge(client, ada, other, primaryId=id_of(ada)))["merge"]
    changed = {"id": id_of(ada), "title": "CEO", "emails": [{"address": "ada@acme.com"}]}
    await client.query(MUTATIONS["updateContact"], input=changed)
    await make_contact(resources_database, emails=("king@acme.com",))
    payload = await undo(client, merged["id"])
    assert payload["keptFields"] == ["TITLE"]
    assert payload["keptEmails"] == [{"address": "king@acme.com"}]
    assert payload["contact"]["title"] == "CEO"


async def test_undo_that_is_refused_says_why(client: Client, resources_database: Database) -> None:
    """Nothing comes back, and the reason stands in the payload."""
    ada, other = await pair(resources_database)
    merged = (await merge(client, ada, other))["merge"]
    await undo(client, merged["id"])
    before = await snapshot(resources_database)
    payload = await undo(client, merged["id"])
    error = {
        "__typename": "ValidationError",
        "code": "NOT_ALLOWED_IN_STATE",
        "message": "This merge was undone already.",
        "path": ["mergeId"],
    }
    assert payload["userErrors"] == [error]
    nothing = (payload["contact"], payload["merge"], payload["keptFields"], payload["keptEmails"])
    assert nothing == (None, None, [], [])
    assert await snapshot(resources_database) == before


async def test_the_window_for_undoing_is_a_setting(
    database_url: URL, database: Database, tmp_path: Path
) -> None:
    """UNDO_WINDOW says until when a merge can be undone."""
    ada, other = await pair(database)
    async with open_app(database_url, tmp_path, undo_window=3600) as app:
        client = app.client(Role.EDITOR)
        merged = (await merge(client, ada, other))["merge"]
        at, until = (datetime.fromisoformat(merged[name]) for name in ("mergedAt", "canUndoUntil"))
        assert until - at == timedelta(hours=1)
        await execute(
            database, "UPDATE contact_merges SET created_at = now() - interval '61 minutes'"
        )
        (error,) = (await undo(client, merged["id"]))["userErrors"]
    assert error["message"] == "This merge is too old to be undone."


async def test_merge_and_undo_under_a_key_are_done_once(
    client: Client, resources_database: Database
) -> None:
    """The same answer, with the records as they are by then."""
    ada, other = await pair(resources_database)
    given = {"primaryId": id_of(ada), "idempotencyKey": "k-1"}
    first = await merge(client, ada, other, **given)
    changed = {"id": id_of(ada), "title": "CEO"}
    await client.query(MUTATIONS["updateContact"], input=changed)
    again = await merge(client, ada, other, **given)
    contact = first["contact"] | {"title": "CEO", "version": 3}
    origins = [
        origin | {"value": "CEO"} if origin["field"] == "TITLE" else origin
        for origin in first["origins"]
    ]
    assert again == first | {"contact": contact, "origins": origins}
    undone = await undo(client, first["merge"]["id"], idempotencyKey="k-2")
    assert await undo(client, first["merge"]["id"], idempotencyKey="k-2") == undone
    assert undone["keptFields"] == ["TITLE"]
    assert len(await read_rows(resources_database, "SELECT id FROM contact_merges")) == 1


async def test_what_was_erased_since_is_not_recalled(
    client: Client, resources_database: Database
) -> None:
    """A merge that is gone cannot be shown again."""
    ada, other = await pair(resources_database)
    await merge(client, ada, other, idempotencyKey="k-1")
    await execute(resources_database, "DELETE FROM contact_merges")
    (error,) = (await merge(client, ada, other, idempotencyKey="k-1"))["userErrors"]
    assert (error["code"], error["path"]) == ("NOT_FOUND", ["idempotencyKey"])
