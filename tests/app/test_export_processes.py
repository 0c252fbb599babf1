"""Exports over HTTP where another process answers than the one that writes them."""

from pathlib import Path

from sqlalchemy.engine import URL

from domain.exports import ExportFormat
from streaming.manifests import About
from tests.app.export_requests import Rest
from tests.apps import STRANGER, open_app
from tests.streaming.spooling import Faucet, until

PIECE = b'{"email": "ada@acme.com"}\n' * 50_000


async def test_growing_export_is_answered_by_every_process(
    database_url: URL, tmp_path: Path
) -> None:
    """How far it is, its bytes as they come, and its rest; to nobody but its owner."""
    about = About(owner=STRANGER, entity="contacts", format=ExportFormat.JSONL, request="all")
    faucet = Faucet(PIECE)
    async with (
        open_app(database_url, tmp_path) as writing,
        open_app(database_url, tmp_path) as answering,
    ):
        spool = writing.resources.exporter.spools.begin(about, faucet)
        await until(lambda: spool.bytes == len(PIECE) and not spool.waiting)
        rest = Rest(answering.http, answering.resources)
        path = f"/api/v1/exports/{spool.id}"

        told = (await rest.get(f"{path}/manifest")).json()
        assert (told["complete"], told["bytes"], told["sha256"]) == (False, len(PIECE), None)
        assert {name for name in told if told[name] is None} == {
            *("sha256", "truncated", "snapshotAt", "filter"),
        }
        for stranger in (f"{path}/manifest", path):
            assert (await rest.other.send(stranger)).status_code == 404

        faucet.give(PIECE)
        faucet.end()
        download = await rest.get(path)
        assert download.content == PIECE * 2
        assert download.headers["etag"] == spool.etag
        rest_of_it = await rest.send(path, headers={"Range": f"bytes={len(PIECE)}-"})
        assert (rest_of_it.status_code, rest_of_it.content) == (206, PIECE)
        told = (await rest.get(f"{path}/manifest")).json()
        assert (told["complete"], told["rows"]) == (True, 100_000)
