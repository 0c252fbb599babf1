"""Exports as GraphQL asks for them: whether they can be had, and the addresses of streams."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode

import orjson
import strawberry

from domain.errors import FeatureDisabled, InvalidInput
from domain.exports import ExportEntity, ExportFormat
from domain.filter_json import write_filter, write_order
from domain.paging import CompanyOrder, ContactOrder
from domain.viewer import Permission
from graph.arguments import WhichCompanies, WhichContacts
from graph.context import Context, Info
from graph.permissions import needs
from streaming.export_params import read_export
from streaming.exporting import ExportSettings

STREAM_SECONDS: Final = 300.0
"""How long the address of a stream is good."""

MAX_URL_CHARS: Final = 8000
"""Proxies refuse addresses that are longer."""

_NO_EXPORTS: Final = ExportSettings(is_enabled=False)
_PATHS: Final = {
    ExportEntity.CONTACTS: "/api/v1/contacts/stream/",
    ExportEntity.COMPANIES: "/api/v1/companies/stream/",
}
_STREAM: Final = (
    "relative to this server: whoever follows it within 5 minutes is streamed the records, without"
    " a token."
)

_Format = Annotated[
    ExportFormat,
    strawberry.argument(name="format", description="How the rows are written."),
]
_Columns = Annotated[
    list[str] | None,
    strawberry.argument(
        description="Dotted paths of the columns, in their order; the usual ones when left out."
    ),
]
_MaxResults = Annotated[
    int | None, strawberry.argument(description="No more rows than these; all when left out.")
]
_Bom = Annotated[
    bool,
    strawberry.argument(
        description="CSV begins with the byte order mark, by which some spreadsheets tell UTF-8."
    ),
]
_Raw = Annotated[
    bool,
    strawberry.argument(
        description="CSV without the guard that keeps spreadsheets from taking texts for formulas."
    ),
]


@strawberry.type
class ExportQueries:
    """Addresses of streams."""

    @strawberry.field(
        description=f"An address of contacts, {_STREAM}", metadata=needs(Permission.EXPORT)
    )
    async def export_contacts_stream_url(
        self,
        info: Info,
        filter: WhichContacts = None,
        order_by: Annotated[
            list[ContactOrder] | None,
            strawberry.argument(description="In which order; the quickest one when left out."),
        ] = None,
        format_: _Format = ExportFormat.JSONL,
        columns: _Columns = None,
        max_results: _MaxResults = None,
        bom: _Bom = False,
        raw: _Raw = False,
    ) -> str:
        """The address of a stream of contacts."""
        return _stream_url(
            info.context,
            ExportEntity.CONTACTS,
            format=format_,
            filter=filter,
            order_by=order_by,
            columns=columns,
            max_results=max_results,
            bom=bom,
            raw=raw,
        )

    @strawberry.field(
        description=f"An address of companies, {_STREAM}", metadata=needs(Permission.EXPORT)
    )
    async def export_companies_stream_url(
        self,
        info: Info,
        filter: WhichCompanies = None,
        order_by: Annotated[
            list[CompanyOrder] | None,
            strawberry.argument(description="In which order; the quickest one when left out."),
        ] = None,
        format_: _Format = ExportFormat.JSONL,
        columns: _Columns = None,
        max_results: _MaxResults = None,
        bom: _Bom = False,
        raw: _Raw = False,
    ) -> str:
        """The address of a stream of companies."""
        return _stream_url(
            info.context,
            ExportEntity.COMPANIES,
            format=format_,
            filter=filter,
            order_by=order_by,
            columns=columns,
            max_results=max_results,
            bom=bom,
            raw=raw,
        )


def require_exports(context: Context) -> None:
    """Refuse exports where none are made.

    Raises:
        FeatureDisabled: ENABLE_STREAMING_QUERIES is false, or nothing is served here.
    """
    (context.exports or _NO_EXPORTS).require_enabled()


def _stream_url(context: Context, entity: ExportEntity, **given: Any) -> str:
    """The address, signed for the viewer; what the route would refuse is refused now."""
    require_exports(context)
    if context.signed_link is None:
        raise FeatureDisabled("This server signs no addresses.")
    parameters = _parameters(**given)
    read_export(entity, parameters, cursors=context.cursors)
    url = context.signed_link(f"{_PATHS[entity]}?{urlencode(parameters)}", STREAM_SECONDS)
    if len(url) > MAX_URL_CHARS:
        raise InvalidInput(
            f"The address would have {len(url)} characters, of which {MAX_URL_CHARS} fit. Send the"
            " filter in the body of a POST, or make the export a job by createExport."
        )
    return url


def _parameters(**given: Any) -> dict[str, str]:
    """What was given as the parameters of the route."""
    written = {
        "format": given["format"].name.lower(),
        "filter": _json(write_filter(given["filter"])),
        "orderBy": None if given["order_by"] is None else _json(write_order(given["order_by"])),
        "columns": None if given["columns"] is None else _json(given["columns"]),
        "max_results": None if given["max_results"] is None else str(given["max_results"]),
        "bom": "true" if given["bom"] else None,
        "raw": "true" if given["raw"] else None,
    }
    return {name: value for name, value in written.items() if value is not None}


def _json(value: object) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
