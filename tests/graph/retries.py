"""A contact that nothing but its key keeps from being created twice."""

from typing import Any

from db.transaction import Database
from tests.graph.documents import MUTATIONS
from tests.graph.rows import read_rows

CREATE = MUTATIONS["createContact"]
NOTICES = {"notices": [{"code": "IDEMPOTENT_REPLAY", "path": ["createContact"]}]}


def ada(key: str | None = "k", **more: Any) -> dict[str, Any]:
    """The input of a new contact that nothing keeps from being created twice."""
    return {"firstName": "Ada", "idempotencyKey": key, **more}


async def count(database: Database) -> int:
    """How many contacts there are."""
    ((found,),) = await read_rows(database, "SELECT count(*) FROM contacts")
    return int(found)
