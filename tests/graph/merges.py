"""Merging contacts through the API, and the way back."""

from typing import Any

from db.transaction import Database
from tests.client import Client
from tests.factories import make_contact
from tests.graph.ids import id_of

MERGED = "id uuid mergedAt canUndoUntil undoneAt mergedBy { email } survivor { id } losers { id }"
_ERRORS = """userErrors { __typename code message path
    ... on ConflictError { current { ... on Contact { id version } } } } clientMutationId"""
MERGE = f"""mutation ($input: MergeContactsInput!) {{ mergeContacts(input: $input) {{
    contact {{ id fullName title tags email version source emails {{ address isPrimary }}
        phones {{ number }} activities {{ body }} company {{ name contactCount }} }}
    merge {{ {MERGED} }} origins {{ field value contactIds policy }} {_ERRORS} }} }}"""
UNDO = f"""mutation ($input: UndoMergeInput!) {{ undoMerge(input: $input) {{
    contact {{ id fullName title version emails {{ address }} }}
    merge {{ {MERGED} }} keptFields keptEmails {{ address }} {_ERRORS} }} }}"""
TOMBSTONE = """query ($id: ID!) { contact(id: $id) { id firstName email deletedAt version
    emails { address } mergedInto { id fullName mergedInto { id } } } }"""


async def merge(client: Client, *rows: Any, **given: Any) -> dict[str, Any]:
    """The payload of a merge."""
    wanted = {"ids": [id_of(row) for row in rows], **given}
    payload: dict[str, Any] = (await client.query(MERGE, input=wanted))["mergeContacts"]
    return payload


async def undo(client: Client, merge_id: str, **given: Any) -> dict[str, Any]:
    """The payload of taking a merge back."""
    wanted = {"mergeId": merge_id, **given}
    payload: dict[str, Any] = (await client.query(UNDO, input=wanted))["undoMerge"]
    return payload


async def pair(database: Database) -> tuple[Any, Any]:
    """Two contacts that are the same person."""
    return (
        await make_contact(database, first_name="Ada", emails=("ada@acme.com",), tags=["a"]),
        await make_contact(database, first_name="Adah", emails=("king@acme.com",), title="CTO"),
    )
