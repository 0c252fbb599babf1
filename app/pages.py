"""The pages people open in a browser: their packaged files and the headers these leave with.

Only the files named here are served; no part of a request ever becomes a file name.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from importlib.resources import files
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.settings import Settings
from streaming.caching import cache_response, create_cached_response

MEDIA_TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
POLICY: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page and all that it loads.

    Attributes:
        paths: Where it is answered, by the name of the route.
        file: Its HTML, which names its assets below `assets_path`.
        assets_path: Where its assets are; those that pages share are under each of them.
        entry: The script that starts it.
        assets: Everything it loads.
        is_for_development: Whether production does not serve it.
    """

    paths: dict[str, str]
    file: str
    assets_path: str
    entry: str
    assets: tuple[str, ...]
    is_for_development: bool = False


EXPLORER: Final = Page(
    paths={"home": "/", "explorer": "/explorer"},
    file="explorer.html",
    assets_path="/explorer/assets/",
    entry="explorer.js",
    assets=(
        "code-editor.js",
        "completion.js",
        "cursor.js",
        "docs.js",
        "dom.js",
        "drafts.js",
        "explorer.css",
        "explorer.js",
        "graphql-document.js",
        "graphql-format.js",
        "graphql-lexer.js",
        "json-lexer.js",
        "result-pane.js",
        "run-history.js",
        "schema.js",
        "secrets.js",
        "session-tabs.js",
        "session.js",
        "sign-in.js",
        "splitter.js",
        "storage.js",
        "suggestion-list.js",
        "transport.js",
    ),
    is_for_development=True,
)
IMPORTS: Final = Page(
    paths={"imports": "/imports/new"},
    file="imports.html",
    assets_path="/imports/assets/",
    entry="imports.js",
    assets=(
        "dom.js",
        "explorer.css",
        "imports-api.js",
        "imports-file.js",
        "imports-follow.js",
        "imports-mapping.js",
        "imports-options.js",
        "imports-problems.js",
        "imports-progress.js",
        "imports-result.js",
        "imports-table.js",
        "imports-text.js",
        "imports-upload.js",
        "imports-wait.js",
        "imports.css",
        "imports.js",
        "session-tabs.js",
        "session.js",
        "sign-in.js",
        "storage.js",
        "transport.js",
    ),
)
OPERATIONS: Final = Page(
    paths={"operations": "/ops"},
    file="ops.html",
    assets_path="/ops/assets/",
    entry="ops.js",
    assets=(
        "dom.js",
        "explorer.css",
        "imports-text.js",
        "ops-chart.js",
        "ops-charts.js",
        "ops-feed.js",
        "ops-history.js",
        "ops-scale.js",
        "ops-statements.js",
        "ops-text.js",
        "ops-tiles.js",
        "ops.css",
        "ops.js",
        "session-tabs.js",
        "session.js",
        "sign-in.js",
        "storage.js",
        "transport.js",
    ),
)
PAGES: Final = (EXPLORER, IMPORTS, OPERATIONS)


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
    """Return the routes of the pages and their assets; every file is read here, once."""
    served = [page for page in PAGES if not (page.is_for_development and settings.is_production)]
    return [route for page in served for route in _routes_of(page, settings)]


def _routes_of(page: Page, settings: Settings) -> list[BaseRoute]:
    assets = {name: load_page_file(name) for name in page.assets}
    version = version_of(assets.values())
    html = with_version(load_page_file(page.file), version, page.assets_path)
    is_public, must_revalidate = (
        settings.http_cache_public,
        settings.http_cache_must_revalidate,
    )
    a_while, for_ever = (
        age if settings.enable_http_cache else None
        for age in (settings.http_cache_api_max_age, settings.http_cache_static_max_age)
    )

    async def shell(request: Request) -> Response:
        answer = create_cached_response(
            html.content,
            request,
            max_age=a_while,
            public=is_public,
            must_revalidate=must_revalidate,
            media_type=html.media_type,
        )
        answer.headers.update(POLICY)
        return answer

    async def asset(request: Request) -> Response:
        found = assets.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return Response(found.content, media_type=found.media_type, headers=POLICY)

    kept = partial(cache_response, public=is_public, must_revalidate=must_revalidate)
    slashed = [f"{path}/" for path in page.paths.values() if not path.endswith("/")]
    return [
        *(Route(path, shell, name=name) for name, path in page.paths.items()),
        *(Route(path, shell, include_in_schema=False) for path in slashed),
        Route(
            f"{page.assets_path}{version}/{{name}}", kept(max_age=for_ever, immutable=True)(asset)
        ),
        # A page that was kept from before an upgrade names the version of then.
        Route(f"{page.assets_path}{{version}}/{{name}}", kept(max_age=a_while)(asset)),
    ]


def version_of(assets: Iterable[PageFile]) -> str:
    """Return what the path of the assets has in it: another text when any of them changes."""
    digest = sha256()
    for file in assets:
        digest.update(sha256(file.content).digest())
    return digest.hexdigest()[:16]


def with_version(html: PageFile, version: str, assets_path: str) -> PageFile:
    """Return a page with the paths of its assets; those import each other beside themselves."""
    path = assets_path.encode()
    content = html.content.replace(path, path + version.encode() + b"/")
    return PageFile(content, html.media_type)
