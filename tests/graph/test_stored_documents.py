"""Stored documents: files known by name and hash; a start that tells what is wrong with them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from graph.documents import Documents, UnknownDocument
from graph.schema import core_schema
from graph.stored_documents import StoredDocumentsError, read_stored_documents

VIEWER = "query Viewer {\n  viewer {\n    id\n  }\n}\n"
TWO = "query A { a: __typename } query B { b: __typename }"


def refusal(folder: Path) -> list[str]:
    """The lines about a folder that cannot be used, without the folder."""
    with pytest.raises(StoredDocumentsError) as refused:
        read_stored_documents(folder, core_schema())
    return str(refused.value).replace(f"{folder}/", "").splitlines()


def test_document_is_known_by_file_operation_and_hash(tmp_path: Path) -> None:
    """All names lead to one document, and those of a file with two operations are the file's."""
    (tmp_path / "who-am-i.graphql").write_text(VIEWER)
    (tmp_path / "two.graphql").write_text(TWO)
    (tmp_path / "notes.txt").write_text("no document")
    documents = Documents(core_schema(), stored=read_stored_documents(tmp_path, core_schema()))
    digest = hashlib.sha256(VIEWER.encode()).hexdigest()
    viewer = documents.named("who-am-i")
    for document_id in ("Viewer", digest, f"sha256:{digest}"):
        assert documents.named(document_id) is viewer
    assert len(documents.named("two").operations) == 2
    for document_id in (
        "A",
        "notes",
        "who-am-i.graphql",
        digest.upper(),
        digest[:16],
        "",
        "../two",
    ):
        with pytest.raises(UnknownDocument):
            documents.named(document_id)


def test_unknown_name_is_shown_shortened(tmp_path: Path) -> None:
    """The message has the beginning of what was asked for, and what to do."""
    with pytest.raises(UnknownDocument) as unknown:
        Documents(core_schema()).named("x" * 1000)
    assert unknown.value.message == (
        f"There is no stored document {'x' * 100!r}. Send the document itself as query."
    )


def test_operation_may_be_called_as_its_file(tmp_path: Path) -> None:
    """One document may have the same name twice."""
    (tmp_path / "Viewer.graphql").write_text(VIEWER)
    assert len(read_stored_documents(tmp_path, core_schema())) == 2


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "no GraphQL": (
        lambda file: file.write_text("query Viewer {\n  viewer {\n"),
        "a.graphql:3: Syntax Error: Expected Name, found <EOF>.",
    ),
    "unknown field": (
        lambda file: file.write_text("query Viewer {\n  viewer {\n    salary\n  }\n}"),
        "a.graphql:3: Cannot query field 'salary' on type 'User'.",
    ),
    "nested too deep": (
        lambda file: file.write_text("{a" * 61 + "}" * 61),
        "a.graphql: The document is nested more than 60 levels deep.",
    ),
    "no text": (
        lambda file: file.write_bytes(b"\xff"),
        "a.graphql: The file is not a text in UTF-8.",
    ),
    "a folder": (lambda file: file.mkdir(), "a.graphql: Is a directory."),
    "a name twice": (
        lambda file: [file.with_stem(stem).write_text(VIEWER) for stem in ("a", "b")],
        "b.graphql: a.graphql is known as 'Viewer' too. Rename one of them.",
    ),
    "a file called as the operation of another": (
        lambda file: [
            file.with_stem("Viewer").write_text("{ viewer { email } }"),
            file.write_text(VIEWER),
        ],
        "a.graphql: Viewer.graphql is known as 'Viewer' too. Rename one of them.",
    ),
}


@pytest.mark.parametrize(("make", "words"), WRONG.values(), ids=WRONG.keys())
def test_wrong_document_is_told_with_file_and_line(
    tmp_path: Path, make: Callable[[Path], object], words: str
) -> None:
    """The message begins as those of compilers do, so that editors lead to the place."""
    make(tmp_path / "a.graphql")
    (line,) = refusal(tmp_path)
    assert line == words


def write(folder: Path, name: str, manifest: object) -> Path:
    """A manifest."""
    path = folder / name
    path.write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    return path


def apollo(**operations: str) -> dict[str, object]:
    """A manifest as Apollo's tools write it."""
    return {
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [
            {"id": name, "name": "Viewer", "type": "query", "body": text}
            for name, text in operations.items()
        ],
    }


@pytest.mark.parametrize(
    "as_manifest", [dict, lambda texts: apollo(**texts)], ids=["ids", "Apollo"]
)
def test_document_of_a_manifest_is_known_by_id_and_hash(
    tmp_path: Path, as_manifest: Callable[[dict[str, str]], object]
) -> None:
    """As relay-compiler and codegen write them, and as Apollo does; not by names of operations."""
    digest = hashlib.sha256(VIEWER.encode()).hexdigest()
    write(
        tmp_path,
        "app.json",
        as_manifest({"viewer-1": VIEWER, f"sha256:{digest}": VIEWER, "two": TWO}),
    )
    documents = Documents(core_schema(), stored=read_stored_documents(tmp_path, core_schema()))
    viewer = documents.named("viewer-1")
    for document_id in (digest, f"sha256:{digest}"):
        assert documents.named(document_id) is viewer
    assert documents.stored(digest) is viewer
    assert len(documents.named("two").operations) == 2
    for document_id in ("Viewer", "app", "app.json", "format", "operations"):
        with pytest.raises(UnknownDocument):
            documents.named(document_id)


def test_manifests_may_have_documents_in_common(tmp_path: Path) -> None:
    """Two versions of a program are served at a time; one id never leads to two texts."""
    write(tmp_path, "1.json", {"a": VIEWER, "b": TWO})
    write(tmp_path, "2.json", apollo(a=VIEWER, c=TWO))
    assert {"a", "b", "c"} < read_stored_documents(tmp_path, core_schema()).keys()
    write(tmp_path, "3.json", {"a": TWO})
    assert refusal(tmp_path) == ["3.json: a: 1.json is known as 'a' too. Rename one of them."]


NO_ENTRY = "a.json: The manifest has an entry that is not an id and a text."
WRONG_MANIFESTS: dict[str, tuple[object, str]] = {
    "no JSON": ("{", "a.json: The manifest is not valid JSON: "),
    "a list": ([VIEWER], "a.json: The manifest is not a JSON object of ids and texts."),
    "a number as text": ({"a": 3}, NO_ENTRY),
    "an empty text": ({"a": ""}, NO_ENTRY),
    "an empty id": ({"": VIEWER}, NO_ENTRY),
    "another format": ({"format": "mine", "a": VIEWER}, "a.json: format, line 1: Syntax Error: "),
    "Apollo's without operations": ({**apollo(), "operations": None}, NO_ENTRY),
    "Apollo's with a text for an operation": ({**apollo(), "operations": [VIEWER]}, NO_ENTRY),
    "Apollo's without an id": ({**apollo(), "operations": [{"body": VIEWER}]}, NO_ENTRY),
    "an id twice": (
        '{"a": "{ __typename }", "a": "{ __typename }"}',
        "a.json: The manifest has 'a' twice in one object.",
    ),
    "an unknown field": (
        {"a": "query Viewer {\n  viewer {\n    salary\n  }\n}"},
        "a.json: a, line 3: Cannot query field 'salary' on type 'User'.",
    ),
    "nested too deep": (
        {"a": "{a" * 61 + "}" * 61},
        "a.json: a: The document is nested more than 60 levels deep.",
    ),
}


@pytest.mark.parametrize(
    ("manifest", "words"), WRONG_MANIFESTS.values(), ids=WRONG_MANIFESTS.keys()
)
def test_wrong_manifest_is_told_with_file_and_id(
    tmp_path: Path, manifest: object, words: str
) -> None:
    """What is wrong with one of its documents is told with its id and line."""
    write(tmp_path, "a.json", manifest)
    (line,) = refusal(tmp_path)
    assert line.startswith(words)


def test_all_wrong_documents_are_told_at_once(tmp_path: Path) -> None:
    """One start shows every mistake of every file, in the order of their names."""
    for name in ("b", "a"):
        (tmp_path / f"{name}.graphql").write_text("{ x\n y }")
    (tmp_path / "c.graphql").write_text(VIEWER)
    write(tmp_path, "d.json", {"x": "{ x }", "y": "{ y }"})
    places = [line.rpartition(": ")[0] for line in refusal(tmp_path)]
    assert places == [
        "a.graphql:1",
        "a.graphql:2",
        "b.graphql:1",
        "b.graphql:2",
        "d.json: x, line 1",
        "d.json: y, line 1",
    ]


def test_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A wrong DOCUMENTS_DIR is not taken for an empty one."""
    missing = tmp_path / "missing"
    assert refusal(missing) == [f"DOCUMENTS_DIR: there is no folder {missing}."]
    assert read_stored_documents(tmp_path, core_schema()) == {}
