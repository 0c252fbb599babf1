"""Making exports: what every door that asks for one goes through."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final
from uuid import UUID

from db.exports import check_export
from db.transaction import Database
from domain.errors import FeatureDisabled
from domain.export_json import export_digest
from domain.exports import Export
from domain.filter_json import write_filter
from domain.paging import CursorCodec
from streaming.copying import write_export
from streaming.manifests import About
from streaming.spool import Spool
from streaming.spools import Spools

_DISABLED: Final = "Exports are switched off here: ENABLE_STREAMING_QUERIES is false."


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """What operators decide about exports.

    Attributes:
        most_rows: No export has more; None: all that match.
        batch_rows: Rows of a page where rows are read page by page.
        chunk_bytes: Bytes that a reader is sent at a time.
    """

    is_enabled: bool = True
    most_rows: int | None = None
    batch_rows: int = 1000
    chunk_bytes: int = 1 << 20

    def require_enabled(self) -> None:
        """Refuse exports where operators do not want them.

        Raises:
            FeatureDisabled: They do not.
        """
        if not self.is_enabled:
            raise FeatureDisabled(_DISABLED)


class Exporter:
    """Makes exports, and knows where they are kept."""

    def __init__(
        self, database: Database, spools: Spools, settings: ExportSettings, cursors: CursorCodec
    ) -> None:
        self.database = database
        self.spools = spools
        self.settings = settings
        self.cursors = cursors

    def require_enabled(self) -> None:
        """As `ExportSettings` has it."""
        self.settings.require_enabled()

    def capped(self, export: Export) -> Export:
        """The export with no more rows than operators allow."""
        most = self.settings.most_rows
        if most is None or (export.most is not None and export.most <= most):
            return export
        return replace(export, most=most)

    def begin(self, export: Export, *, owner: UUID, is_promised: bool = False) -> Spool:
        """A file into which all rows of the export are being written, as for whoever asks.

        Args:
            is_promised: Its time was told to somebody; it stays until then.

        Raises:
            InvalidInput: Of its columns, its order or its filter.
            RateLimited: The owner has too many of them under way.
            InsufficientStorage: There is no room for it.
        """
        check_export(export)
        capped = self.capped(export)
        about = About(
            owner=owner,
            entity=export.entity.lower(),
            format=export.format,
            request=export_digest(export),
            filter=write_filter(export.filter_),
            is_promised=is_promised,
        )
        return self.spools.begin(about, partial(write_export, self.database, capped))
