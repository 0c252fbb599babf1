"""All tables at once, for whoever compares or empties a whole database."""

from typing import Final

from db.access_tables import api_tokens
from db.avatar_tables import avatars
from db.cache_tables import cache_state
from db.change_tables import suppressions
from db.import_tables import imports
from db.job_tables import jobs
from db.tables import contacts
from db.upload_tables import uploads

_OF_EACH_MODULE: Final = (
    contacts,
    suppressions,
    jobs,
    cache_state,
    uploads,
    imports,
    avatars,
    api_tokens,
)

# One for all: each module adds its own to it.
(ALL_TABLES,) = {table.metadata for table in _OF_EACH_MODULE}
