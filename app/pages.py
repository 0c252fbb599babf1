"""The pages people open in a browser: their packaged files and the headers these leave with.

Only the files named here are served; no part of a request ever becomes a file name.
"""

from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

EXPLORER_PAGE = "explorer.html"
ASSETS = (
    "code-editor.js",
    "completion.js",
    "cursor.js",
    "docs.js",
    "dom.js",
    "explorer.css",
    "explorer.js",
    "graphql-document.js",
    "graphql-format.js",
    "graphql-lexer.js",
    "json-lexer.js",
    "result-pane.js",
    "run-history.js",
    "schema.js",
    "session.js",
    "splitter.js",
    "storage.js",
    "suggestion-list.js",
    "transport.js",
)
MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class PageFile:
    """One packaged file in memory, with the entity tag of its content."""

    content: bytes
    media_type: str
    etag: str


def load_page_file(name: str) -> PageFile:
    """Return the packaged file of this name from the folder ``app/pages``."""
    content = (files("app") / "pages" / name).read_bytes()
    media_type = MEDIA_TYPES[name.rpartition(".")[2]]
    return PageFile(content, media_type, f'"{sha256(content).hexdigest()[:32]}"')


def page_routes() -> list[BaseRoute]:
    """Return the routes of the explorer page and its assets; every file is read here, once."""
    page = load_page_file(EXPLORER_PAGE)
    assets = {name: load_page_file(name) for name in ASSETS}

    async def explorer(request: Request) -> Response:
        return build_response(request, page)

    async def asset(request: Request) -> Response:
        found = assets.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return build_response(request, found)

    return [
        Route("/", explorer, name="home"),
        Route("/explorer", explorer, name="explorer"),
        Route("/explorer/", explorer, include_in_schema=False),
        Route("/explorer/assets/{name}", asset, name="explorer-asset"),
    ]


def build_response(request: Request, file: PageFile) -> Response:
    """Return the file, or 304 when the browser's copy has the same content."""
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "ETag": file.etag,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    if is_current(request.headers.get("if-none-match", ""), file.etag):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


def is_current(if_none_match: str, etag: str) -> bool:
    """Return whether an If-None-Match header names this entity tag.

    Source: RFC 9110 §13.1.2; the comparison is weak, because a compressing proxy weakens tags.
    """
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags
