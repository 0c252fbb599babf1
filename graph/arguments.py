"""The arguments that many fields take, with their words."""

from typing import Annotated

import strawberry

from domain.filters import CompanyFilter, ContactFilter
from domain.paging import CompanyOrder, ContactOrder

First = Annotated[
    int | None,
    strawberry.argument(description="This many rows from the start or after the cursor."),
]
After = Annotated[str | None, strawberry.argument(description="Only rows after this cursor.")]
Last = Annotated[
    int | None,
    strawberry.argument(description="This many rows from the end or before the cursor."),
]
Before = Annotated[str | None, strawberry.argument(description="Only rows before this cursor.")]
Offset = Annotated[
    int | None, strawberry.argument(description="Rows to skip, up to 1000; goes with `first`.")
]

WhichContacts = Annotated[
    ContactFilter | None, strawberry.argument(description="Which contacts; all when left out.")
]
WhichCompanies = Annotated[
    CompanyFilter | None, strawberry.argument(description="Which companies; all when left out.")
]
ContactsOrder = Annotated[
    list[ContactOrder] | None, strawberry.argument(description="In which order.")
]
CompaniesOrder = Annotated[
    list[CompanyOrder] | None, strawberry.argument(description="In which order.")
]
