"""What admins ask for to erase people and to keep them out, and what they are answered."""

from typing import Any, Final

from tests.client import Client

_ERRORS: Final = "userErrors { code message path ... on DuplicateError { existing { id } } }"
ERASE: Final = f"""mutation ($input: EraseContactsInput!) {{ eraseContacts(input: $input) {{
    results {{ index id status alsoErase {_ERRORS} }} {_ERRORS} clientMutationId }} }}"""
ADD: Final = f"""mutation ($input: AddSuppressionInput!) {{ addSuppression(input: $input) {{
    suppressions {{ id kind reason createdAt createdBy {{ email }} }} {_ERRORS} }} }}"""
LIFT: Final = f"""mutation ($input: LiftSuppressionInput!) {{
    liftSuppression(input: $input) {{ liftedId {_ERRORS} }} }}"""
LIST: Final = """query ($first: Int, $after: String, $last: Int, $before: String) {
    suppressions(first: $first, after: $after, last: $last, before: $before) {
        nodes { id kind reason } totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
OF: Final = """query ($email: String, $url: String) {
    suppressionOf(email: $email, linkedinUrl: $url) { id kind } }"""
UPSERT: Final = f"""mutation ($input: UpsertContactsInput!) {{
    upsertContacts(input: $input) {{
        results {{ index status contact {{ id }} {_ERRORS} }} {_ERRORS} }} }}"""
UPDATE: Final = f"""mutation ($input: UpdateContactsInput!) {{
    updateContacts(input: $input) {{ results {{ status }} {_ERRORS} }} }}"""
SUPPRESSED: Final = "Who has this is on the suppression list and must not be stored."
PROFILE: Final = "https://www.linkedin.com/in/ada"


async def erase(admin: Client, *ids: str, **more: Any) -> list[Any]:
    """What became of each contact; nothing is wrong with the input itself."""
    payload = (await admin.query(ERASE, input={"ids": ids, **more}))["eraseContacts"]
    assert payload["userErrors"] == []
    results: list[Any] = payload["results"]
    return results


async def add(admin: Client, **given: Any) -> Any:
    return (await admin.query(ADD, input=given))["addSuppression"]


async def lift(admin: Client, node_id: str, **more: Any) -> Any:
    return (await admin.query(LIFT, input={"id": node_id, **more}))["liftSuppression"]


async def entry_of(admin: Client, **given: str) -> Any:
    return (await admin.query(OF, **given))["suppressionOf"]


async def upsert(client: Client, **given: Any) -> list[Any]:
    """What became of each row of many."""
    payload = (await client.query(UPSERT, input=given))["upsertContacts"]
    assert payload["userErrors"] == []
    results: list[Any] = payload["results"]
    return results


async def page(admin: Client, **arguments: Any) -> Any:
    return (await admin.query(LIST, **arguments))["suppressions"]


def error(code: str, *path: str, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "path": list(path)}
