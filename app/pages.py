"""The pages people open in a browser: their packaged files and the headers these leave with.

Only the files named here are served; no part of a request ever becomes a file name.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.settings import Settings
from streaming.caching import cache_response, create_cached_response

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


POLICY = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
ASSETS_PATH = "/explorer/assets/"


@dataclass(frozen=True, slots=True)
class PageFile:
    """One packaged file in memory."""

    content: bytes
    media_type: str


def load_page_file(name: str) -> PageFile:
    """Return the packaged file of this name from the folder ``app/pages``."""
    content = (files("app") / "pages" / name).read_bytes()
    return PageFile(content, MEDIA_TYPES[name.rpartition(".")[2]])


def page_routes(settings: Settings) -> list[BaseRoute]:
    """Return the routes of the explorer page and its assets; every file is read here, once."""
    assets = {name: load_page_file(name) for name in ASSETS}
    version = version_of(assets.values())
    page = with_version(load_page_file(EXPLORER_PAGE), version)
    is_public, must_revalidate = (
        settings.http_cache_public,
        settings.http_cache_must_revalidate,
    )
    a_while, for_ever = (
        age if settings.enable_http_cache else None
        for age in (settings.http_cache_api_max_age, settings.http_cache_static_max_age)
    )

    async def explorer(request: Request) -> Response:
        answer = create_cached_response(
            page.content,
            request,
            max_age=a_while,
            public=is_public,
            must_revalidate=must_revalidate,
            media_type=page.media_type,
        )
        answer.headers.update(POLICY)
        return answer

    async def asset(request: Request) -> Response:
        found = assets.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return Response(found.content, media_type=found.media_type, headers=POLICY)

    kept = partial(cache_response, public=is_public, must_revalidate=must_revalidate)
    return [
        Route("/", explorer, name="home"),
        Route("/explorer", explorer, name="explorer"),
        Route("/explorer/", explorer, include_in_schema=False),
        Route(f"{ASSETS_PATH}{version}/{{name}}", kept(max_age=for_ever, immutable=True)(asset)),
        # A page that was kept from before an upgrade names the version of then.
        Route(f"{ASSETS_PATH}{{version}}/{{name}}", kept(max_age=a_while)(asset)),
    ]


def version_of(assets: Iterable[PageFile]) -> str:
    """Return what the path of the assets has in it: another text when any of them changes."""
    digest = sha256()
    for file in assets:
        digest.update(sha256(file.content).digest())
    return digest.hexdigest()[:16]


def with_version(page: PageFile, version: str) -> PageFile:
    """Return the page with the paths of its assets; those import each other beside themselves."""
    path = ASSETS_PATH.encode()
    content = page.content.replace(path, path + version.encode() + b"/")
    return PageFile(content, page.media_type)
