"""Going on with an export that a client has a part of already."""

from typing import Final

from starlette.requests import Request

from domain.errors import PreconditionFailed
from domain.viewer import Viewer
from streaming.ranges import named_spool
from streaming.spool import Spool
from streaming.spools import Spools

_GONE: Final = (
    "The file that If-Match names has expired, or is of another request. Ask again without"
    " If-Match, from the beginning."
)


async def spool_to_resume(
    request: Request, spools: Spools, *, viewer: Viewer, digest: str
) -> Spool | None:
    """The spool that a request names by If-Match or If-Range; None when it wants a new one.

    Args:
        viewer: Who has to be allowed to read it.
        digest: Of what is asked for; it has to be of the same.

    Raises:
        PreconditionFailed: There is none, and without it nothing is wanted.
    """
    spool_id = named_spool(request.headers)
    spool = None if spool_id is None else await spools.find(spool_id)
    if spool is not None and spool.about.is_for(viewer) and spool.about.request == digest:
        return spool
    if request.headers.get("if-match", "*").strip() != "*":
        raise PreconditionFailed(_GONE)
    return None
