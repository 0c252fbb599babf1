"""The mutations of many records as documents, and short forms of what they answer."""

from typing import Any

from tests.client import Client

_ERRORS = "userErrors { __typename code message path ... on DuplicateError { existing { id } } }"
_COUNTS = "counts { created updated unchanged deleted skipped failed }"
_CONTACT = "contact { id fullName email title tags version deletedAt }"
_COMPANY = "company { id name domain stage version deletedAt }"


def _mutation(name: str, record: str) -> str:
    kind = name[0].upper() + name[1:]
    return f"""mutation ($input: {kind}Input!) {{ {name}(input: $input) {{
        results {{ index status {record} {_ERRORS} }} {_COUNTS} {_ERRORS} clientMutationId }} }}"""


BULK = {
    name: _mutation(name, record)
    for names, record in (
        (("upsertContacts", "updateContacts", "deleteContacts", "tagContacts"), _CONTACT),
        (("upsertCompanies", "updateCompanies", "deleteCompanies"), _COMPANY),
    )
    for name in names
}


async def run_bulk(client: Client, name: str, /, **given: Any) -> dict[str, Any]:
    """The payload of a mutation of many records."""
    payload: dict[str, Any] = (await client.query(BULK[name], input=given))[name]
    return payload


def statuses(payload: dict[str, Any]) -> list[str]:
    """What became of each row."""
    return [result["status"] for result in payload["results"]]


def counts(**told: int) -> dict[str, int]:
    """All counts, those that are not named 0."""
    names = ("created", "updated", "unchanged", "deleted", "skipped", "failed")
    return dict.fromkeys(names, 0) | told


def problems(told: dict[str, Any]) -> list[tuple[str, str]]:
    """The codes and paths of a payload or of a row."""
    return [(error["code"], ".".join(error["path"])) for error in told["userErrors"]]
