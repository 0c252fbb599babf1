"""`appointment360 serve`: what keeps it from starting is told in words, with status 1."""

import asyncio
import os
import sys
from pathlib import Path

from sqlalchemy.engine import URL

COMMAND = Path(sys.executable).with_name("appointment360")


async def test_stored_document_that_does_not_fit_stops_the_start(
    database_url: URL, tmp_path: Path
) -> None:
    """The mistake stands on stderr with its file and line, without a traceback."""
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "people.graphql").write_text("query People {\n  people { id }\n}\n")
    process = await asyncio.create_subprocess_exec(
        str(COMMAND),
        "serve",
        "--port=0",
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": database_url.render_as_string(hide_password=False),
            "DATABASE_POOL_SIZE": "2",
            "DATA_DIR": str(tmp_path / "data"),
            "DOCUMENTS_DIR": str(documents),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    told = f"{documents}/people.graphql:2: Cannot query field 'people' on type 'Query'."
    assert told in err.decode()
    assert b"Traceback" not in err
