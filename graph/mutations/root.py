"""The root of mutations, put together from its rooms."""

import strawberry

from graph.mutations.bulk import BulkMutations
from graph.mutations.caching import CacheMutations
from graph.mutations.exports import ExportMutations
from graph.mutations.jobs import JobMutations
from graph.mutations.merging import MergeMutations
from graph.mutations.privacy import PrivacyMutations
from graph.mutations.records import RecordMutations


@strawberry.type(description="Everything that can be changed.")
class Mutation(
    RecordMutations,
    BulkMutations,
    CacheMutations,
    ExportMutations,
    JobMutations,
    MergeMutations,
    PrivacyMutations,
):
    """The root of mutations."""
