"""The root of mutations, put together from its rooms."""

import strawberry

from graph.mutations.accounts import ApiTokenMutations, SessionMutations, UserMutations
from graph.mutations.bulk import BulkMutations
from graph.mutations.caching import CacheMutations
from graph.mutations.exports import ExportMutations
from graph.mutations.imports import ImportMutations
from graph.mutations.jobs import JobMutations
from graph.mutations.merging import MergeMutations
from graph.mutations.privacy import PrivacyMutations
from graph.mutations.records import RecordMutations
from graph.mutations.uploads import UploadMutations


@strawberry.type(description="Everything that can be changed.")
class Mutation(
    RecordMutations,
    BulkMutations,
    CacheMutations,
    ExportMutations,
    ImportMutations,
    JobMutations,
    MergeMutations,
    PrivacyMutations,
    UploadMutations,
    SessionMutations,
    UserMutations,
    ApiTokenMutations,
):
    """The root of mutations."""
