"""`appointment360 serve`: what keeps it from starting is told in words, with status 1."""

from pathlib import Path

from sqlalchemy.engine import URL

from tests.processes import command


async def test_stored_document_that_does_not_fit_stops_the_start(
    database_url: URL, tmp_path: Path
) -> None:
    """The mistake stands on stderr with its file and line, without a traceback."""
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "people.graphql").write_text("query People {\n  people { id }\n}\n")
    async with command(
        "serve",
        "--port=0",
        database_url=database_url,
        folder=tmp_path,
        DOCUMENTS_DIR=str(documents),
    ) as process:
        assert await process.ends() == 1
    said = "\n".join(process.said)
    told = f"{documents}/people.graphql:2: Cannot query field 'people' on type 'Query'."
    assert told in said
    assert "Traceback" not in said
