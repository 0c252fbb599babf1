"""The root of mutations, put together from its rooms."""

import strawberry

from graph.mutations.records import RecordMutations


@strawberry.type(description="Everything that can be changed.")
class Mutation(RecordMutations):
    """The root of mutations."""
