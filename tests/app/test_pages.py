"""The pages: served from the package alone, under a policy that allows nothing foreign."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from graphql import parse, validate
from starlette.applications import Starlette

from app import pages
from app.settings import Settings
from graph.schema import core_schema

FOLDER = Path(pages.__file__).parent / "pages"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
EXPLORER, IMPORTS, OPERATIONS = pages.EXPLORER, pages.IMPORTS, pages.OPERATIONS
ALL_PAGES = pytest.mark.parametrize("page", pages.PAGES, ids=["explorer", "imports", "operations"])
PAGE_OF = {
    "/": EXPLORER,
    "/explorer": EXPLORER,
    "/explorer/": EXPLORER,
    "/imports/new": IMPORTS,
    "/imports/new/": IMPORTS,
    "/ops": OPERATIONS,
    "/ops/": OPERATIONS,
}
PAGE_PATHS = list(PAGE_OF)
PACKAGED = sorted(
    {page.file for page in pages.PAGES} | {name for page in pages.PAGES for name in page.assets}
)


def version_of(page: pages.Page) -> str:
    """What the paths of its assets have in them."""
    return pages.version_of(pages.load_page_file(name) for name in page.assets)


def path_of(page: pages.Page) -> str:
    """Where its assets are."""
    return f"{page.assets_path}{version_of(page)}/"


ASSETS = path_of(EXPLORER)


@asynccontextmanager
async def open_pages(**settings: object) -> AsyncIterator[httpx.AsyncClient]:
    """HTTP to the pages with settings of the test's choice."""
    chosen = Settings(_env_file=None, **settings)  # type: ignore[arg-type]  # pydantic checks them
    transport = httpx.ASGITransport(Starlette(routes=pages.page_routes(chosen)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with open_pages() as opened:
        yield opened


class PageReader(HTMLParser):
    """Collects the elements of a page with their attributes, and text inside scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem and data.strip():
            self.inline.append(data)


def read_page(page: pages.Page) -> PageReader:
    reader = PageReader()
    reader.feed((FOLDER / page.file).read_text("utf-8"))
    return reader


@pytest.mark.parametrize("path", PAGE_PATHS)
async def test_page_is_html(client: httpx.AsyncClient, path: str) -> None:
    """Every path answers its page as HTML, with and without a trailing slash."""
    answer = await client.get(path)

    page = PAGE_OF[path]
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    packaged = (FOLDER / page.file).read_text("utf-8")
    assert answer.text == packaged.replace(page.assets_path, path_of(page))


async def test_production_has_no_tools_of_developers() -> None:
    """The explorer is not there; the pages of imports and of operators are."""
    production = {"environment": "production", "secret_key": "x" * 32}
    async with open_pages(**production) as client:
        found = {path: (await client.get(path)).status_code for path in PAGE_PATHS}
        asset = await client.get(f"{ASSETS}dom.js")

    assert found == {path: 404 if page is EXPLORER else 200 for path, page in PAGE_OF.items()}
    assert asset.status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        *PAGE_PATHS,
        f"{ASSETS}explorer.js",
        f"{path_of(IMPORTS)}imports.js",
        f"{path_of(OPERATIONS)}ops.js",
    ],
)
async def test_every_file_carries_the_security_headers(
    client: httpx.AsyncClient, path: str
) -> None:
    """Page and assets leave with the exact policy."""
    headers = (await client.get(path)).headers

    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("page", "name"), [(page, name) for page in pages.PAGES for name in page.assets]
)
async def test_asset_has_its_media_type(
    client: httpx.AsyncClient, page: pages.Page, name: str
) -> None:
    """Every asset is served with the media type its ending names, which nosniff makes binding."""
    answer = await client.get(f"{path_of(page)}{name}")

    expected = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
    assert answer.status_code == 200
    assert answer.headers["content-type"] == expected[name.rpartition(".")[2]]


@pytest.mark.parametrize("path", [*PAGE_PATHS, f"{ASSETS}explorer.css"])
async def test_head_answers_the_headers_of_get(client: httpx.AsyncClient, path: str) -> None:
    """HEAD tells the length and tag that GET would, without a body."""
    head = await client.head(path)
    get = await client.get(path)

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers == get.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/", f"{ASSETS}explorer.js"])
async def test_other_methods_are_refused(client: httpx.AsyncClient, method: str, path: str) -> None:
    """Pages can only be read."""
    assert (await client.request(method, path)).status_code == 405


@pytest.mark.parametrize(
    "name",
    [
        "missing.js",
        "explorer.html",
        "imports.js",
        "pages.py",
        "..%2Fpages.py",
        "%2e%2e/pages.py",
        ".",
    ],
)
async def test_unknown_asset_is_not_found(client: httpx.AsyncClient, name: str) -> None:
    """Only the listed assets exist; nothing in the address reaches the file system."""
    assert (await client.get(f"{ASSETS}{name}")).status_code == 404


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
async def test_known_etag_is_not_modified(client: httpx.AsyncClient, form: str) -> None:
    """A browser that holds the current file gets 304 without a body."""
    first = await client.get("/explorer")

    again = await client.get(
        "/explorer", headers={"If-None-Match": form.format(first.headers["etag"])}
    )

    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]


async def test_stale_etag_is_answered_in_full(client: httpx.AsyncClient) -> None:
    """A browser that holds another version gets the file."""
    answer = await client.get("/explorer", headers={"If-None-Match": '"other"'})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("settings", "page", "asset"),
    [
        ({}, "public, max-age=300", "public, max-age=31536000, immutable"),
        (
            {"http_cache_public": False, "http_cache_api_max_age": 60},
            "private, max-age=60",
            "private, max-age=31536000, immutable",
        ),
        (
            {"http_cache_must_revalidate": True, "http_cache_static_max_age": 3600},
            "public, max-age=300, must-revalidate",
            "public, max-age=3600, must-revalidate, immutable",
        ),
        ({"enable_http_cache": False}, "no-store", "no-store"),
    ],
)
async def test_files_may_be_kept_as_the_settings_say(
    settings: dict[str, object], page: str, asset: str
) -> None:
    """The page for a while, its assets for ever: other assets have another path."""
    async with open_pages(**settings) as client:
        assert (await client.get("/")).headers["cache-control"] == page
        assert (await client.get(f"{ASSETS}dom.js")).headers["cache-control"] == asset


async def test_without_http_caching_files_have_no_tag() -> None:
    """What nobody keeps needs none, and one of before is not looked at."""
    tag = (await _answer_of("/")).headers["etag"]
    async with open_pages(enable_http_cache=False) as client:
        answer = await client.get("/", headers={"If-None-Match": tag})
        assert answer.status_code == 200
        assert "etag" not in answer.headers


async def test_page_of_before_an_upgrade_still_finds_its_assets(client: httpx.AsyncClient) -> None:
    """Under the version of then there is what there is now, and not for ever."""
    old = await client.get("/explorer/assets/0123456789abcdef/dom.js")
    now = await client.get(f"{ASSETS}dom.js")

    assert old.content == now.content
    assert old.headers["cache-control"] == "public, max-age=300"


@ALL_PAGES
def test_another_asset_is_another_version(page: pages.Page) -> None:
    """A path that is kept for ever never has other content."""
    files = [pages.load_page_file(name) for name in page.assets]
    changed = [*files[:-1], pages.PageFile(files[-1].content + b"\n", "text/javascript")]

    assert pages.version_of(files) == version_of(page)
    assert pages.version_of(changed) != version_of(page)


async def _answer_of(path: str) -> httpx.Response:
    async with open_pages() as client:
        return await client.get(path)


def test_every_packaged_file_is_listed() -> None:
    """The allow-lists and the folder hold the same files, so none is forgotten and none is dead."""
    assert sorted(path.name for path in FOLDER.iterdir()) == PACKAGED


@pytest.mark.parametrize(
    ("page", "loaded"),
    [
        (EXPLORER, ["explorer.css", "explorer.js"]),
        (IMPORTS, ["explorer.css", "imports.css", "imports.js"]),
        (OPERATIONS, ["explorer.css", "ops.css", "ops.js"]),
    ],
    ids=["explorer", "imports", "operations"],
)
async def test_page_refers_to_served_files_only(
    client: httpx.AsyncClient, page: pages.Page, loaded: list[str]
) -> None:
    """Every script, style and image of a page is served here, or is part of the page."""
    read = PageReader()
    read.feed((await client.get(next(iter(page.paths.values())))).text)
    references = [
        value
        for _, attributes in read.elements
        for name, value in attributes.items()
        if name in {"src", "href"} and value and not value.startswith("data:")
    ]

    assert references == [f"{path_of(page)}{name}" for name in loaded]
    assert {(await client.get(path)).status_code for path in references} == {200}


@ALL_PAGES
def test_modules_import_served_files_only(page: pages.Page) -> None:
    """Every import of a script names a neighbour of the page, and every script is imported."""
    imports = {
        name: set(re.findall(r'^(?:import|\}) .*?from "(.+?)";$', text, re.MULTILINE))
        for name in page.assets
        if name.endswith(".js") and (text := (FOLDER / name).read_text("utf-8"))
    }
    imported = set().union(*imports.values())

    assert imported == {f"./{name}" for name in imports if name != page.entry}


@ALL_PAGES
def test_page_has_nothing_inline(page: pages.Page) -> None:
    """The page works under the policy: no inline script, style, event handler or form."""
    read = read_page(page)
    attributes = {name for _, found in read.elements for name in found}

    assert read.inline == []
    assert "style" not in attributes
    assert [name for name in attributes if name.startswith("on")] == []
    assert "form" not in {tag for tag, _ in read.elements}


@pytest.mark.parametrize("page", [IMPORTS, OPERATIONS], ids=["imports", "operations"])
def test_every_control_of_a_page_has_a_name(page: pages.Page) -> None:
    """Whoever cannot see the page is told what each field and bar is."""
    elements = read_page(page).elements
    labelled = {found["for"] for tag, found in elements if tag == "label" and "for" in found}
    unnamed = [
        found
        for tag, found in elements
        if tag in {"input", "progress", "select"}
        and found.get("type") != "radio"
        and found.get("id") not in labelled
        and "aria-label" not in found
    ]

    assert unnamed == []


@ALL_PAGES
def test_scripts_find_their_elements(page: pages.Page) -> None:
    """Every element that a script names by a fixed id is in the page."""
    ids = {found.get("id") for _, found in read_page(page).elements}
    named = {
        name
        for file in page.assets
        if file.endswith(".js")
        for name in re.findall(r'byId\("([\w-]+)"\)', (FOLDER / file).read_text("utf-8"))
    }

    assert named - ids == set()


@pytest.mark.parametrize("name", PACKAGED)
def test_file_names_no_other_origin(name: str) -> None:
    """No page file reaches for another host: the pages work without internet."""
    text = (FOLDER / name).read_text("utf-8")

    assert re.findall(r"(?:https?|wss?):?//\S*|@import|[\"'(]//\w", text) == []


@pytest.mark.parametrize("name", [name for name in PACKAGED if name.endswith(".js")])
def test_script_never_makes_markup_or_code_of_text(name: str) -> None:
    """Scripts build elements and text nodes only, so that data is never read as markup or code."""
    text = (FOLDER / name).read_text("utf-8")
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"

    assert re.findall(forbidden, text) == []


@pytest.mark.parametrize("name", ["imports-api.js", "sign-in.js"])
def test_pages_ask_what_the_schema_answers(name: str) -> None:
    """Every document of their scripts is valid."""
    text = (FOLDER / name).read_text("utf-8")
    written = dict(re.findall(r'^const (\w+) = [`"]([^`"]*\{[^`"]*)[`"];$', text, re.MULTILINE))
    fragment = written.pop("STANDING", "")
    documents = [body.replace("${STANDING}", fragment) for body in written.values()]

    assert len(documents) == text.count("query ") + text.count("mutation ") + text.count(
        "subscription "
    )
    assert [validate(core_schema(), parse(document)) for document in documents] == [[]] * len(
        documents
    )
