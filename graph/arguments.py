"""The arguments that every connection takes, with their words."""

from typing import Annotated

import strawberry

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
