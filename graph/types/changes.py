"""What subscriptions to records tell."""

import strawberry

from domain.changes import ChangeEventKind
from graph.declare import as_enum

as_enum(ChangeEventKind)

_KIND = "What happened."


@strawberry.type(description="Something that happened to contacts.")
class ContactChange:
    """One event about contacts."""

    kind: ChangeEventKind = strawberry.field(description=_KIND)
    ids: list[strawberry.ID] = strawberry.field(
        description="The contacts, of one change that can have several events; empty when the event"
        " is about all of them."
    )


@strawberry.type(description="Something that happened to companies.")
class CompanyChange:
    """One event about companies."""

    kind: ChangeEventKind = strawberry.field(description=_KIND)
    ids: list[strawberry.ID] = strawberry.field(
        description="The companies, of one change that can have several events; empty when the"
        " event is about all of them."
    )
