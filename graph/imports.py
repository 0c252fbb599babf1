"""The root field that reads what a job has told about the rows of a file."""

from typing import Annotated, cast

import strawberry

from db import import_errors
from db.rows import ImportErrorRow
from domain.errors import NotFound
from domain.import_errors import BY_LINE
from domain.imports import ImportErrorCode, Severity
from domain.node_ids import NodeKind, decode_node_id
from domain.viewer import Permission
from graph.arguments import After, Before, First, Last
from graph.context import Context, Info
from graph.jobs import find_job
from graph.pages import Listing, PageArguments, page_request
from graph.permissions import needs
from graph.types.connections import Connection
from graph.types.imports import RowError


@strawberry.type
class ImportQueries:
    """What was found in files."""

    @strawberry.field(
        description="What an import, or what undoes it, has told about rows, in the order of the"
        " lines of the file. Who sees the job sees it.",
        metadata=needs(Permission.READ, Permission.IMPORT),
    )
    async def import_errors(
        self,
        info: Info,
        import_id: Annotated[strawberry.ID, strawberry.argument(description="The id of the job.")],
        code: Annotated[
            list[ImportErrorCode] | None,
            strawberry.argument(description="Only with one of these codes."),
        ] = None,
        severity: Annotated[
            Severity | None, strawberry.argument(description="Only what is so severe.")
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[RowError]:
        """One page of them."""
        _, job_id = decode_node_id(import_id, expected=NodeKind.JOB)
        request = page_request(info, PageArguments(first, after, last, before), BY_LINE)
        if await find_job(info.context, job_id) is None:
            raise NotFound("There is no import with this id.")
        told = import_errors.errors_of(
            job_id, codes=None if code is None else list(dict.fromkeys(code)), severity=severity
        )
        run = info.context.reads.run
        listing = Listing(
            import_errors.IMPORT_ERRORS,
            await run(import_errors.list_import_errors, request, told),
            count=lambda: run(import_errors.count_import_errors, told),
            behind=lambda: run(import_errors.import_errors_behind, request, told),
            write_cursor=info.context.cursors.writer(BY_LINE),
        )
        return cast("Connection[RowError]", listing)


async def find_import_error(context: Context, row_id: int) -> ImportErrorRow | None:
    """Something that a job has told; None when the viewer may not see the job."""
    context.reads.use_primary()
    row: ImportErrorRow | None = await context.loaders.import_error_by_id.load(row_id)
    return row if row is not None and await find_job(context, row.job_id) is not None else None
