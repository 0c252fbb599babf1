"""`appointment360 explain`: what a query does in PostgreSQL, and clear words where it cannot."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import URL, make_url

from app.cli import main
from app.explain import Explanation, NotExplainable, explain_query, read_query
from app.explain_text import render_explanation
from app.resources import Resources, open_resources
from app.settings import Settings
from db.transaction import Database
from domain.enums import Role
from domain.records import NewPhone
from tests.databases import database_of_its_own
from tests.factories import make_company, make_contact
from tests.graph.ids import id_of
from tests.graph.rows import execute, snapshot
from tests.processes import FORKED

PEOPLE = """
    query People($first: Int) {
      them: contacts(first: $first) { nodes { ...who } }
      companies { nodes { staff: contacts(first: 2) { nodes { mail: emails { address } } } } }
    }
    fragment who on Contact { employer: company { name } phones { number } }
"""
PLACES = {
    ("them",),
    ("them", "nodes", "employer"),
    ("them", "nodes", "phones"),
    ("companies",),
    ("companies", "nodes", "staff"),
    ("companies", "nodes", "staff", "nodes", "mail"),
}
JOINED = {("them", "nodes", "employer")}
"""What comes along with other rows when the query is compiled."""


def run_forked(folder: Path, environment: dict[str, str], arguments: Sequence[str]) -> None:
    """Be the console script; what it is told and tells lies in the folder."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        flags = os.O_RDONLY if name == "stdin" else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(name, flags, 0o600), number)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.argv = ["appointment360", "explain", *arguments]
    main()


@dataclass(frozen=True)
class Finished:
    """What a command left."""

    status: int | None
    out: str
    err: str


@dataclass(frozen=True)
class Command:
    """The console script with a database."""

    database_url: URL
    folder: Path

    async def __call__(self, *arguments: str, stdin: str = "", **settings: str) -> Finished:
        """Run `explain` with these arguments."""
        (self.folder / "stdin").write_text(stdin)
        environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": self.database_url.render_as_string(hide_password=False),
            "DATA_DIR": str(self.folder / "data"),
            **settings,
        }
        process = FORKED.Process(target=run_forked, args=(self.folder, environment, arguments))
        process.start()
        await asyncio.to_thread(process.join)
        out, err = ((self.folder / name).read_text() for name in ("stdout", "stderr"))
        return Finished(process.exitcode, out, err)

    def file(self, text: str) -> str:
        """The name of a file with this text."""
        path = self.folder / "query.graphql"
        path.write_text(text, "utf-8")
        return path.name


@pytest.fixture
def explain(database_url: URL, tmp_path: Path) -> Command:
    """The command on the test's own database."""
    return Command(database_url, tmp_path)


async def populate(database: Database) -> None:
    """A person with an address, a number and an employer."""
    company = await make_company(database, name="Acme")
    await make_contact(
        database,
        emails=("ada@acme.com",),
        phones=[NewPhone(number="+49 30 901820")],
        company_id=id_of(company),
    )


@pytest.mark.parametrize("compiled", [True, False])
async def test_query_is_told_statement_by_statement(
    explain: Command, database: Database, compiled: bool
) -> None:
    """Field, SQL and plan of each go to stdout, and nothing is changed by it."""
    await populate(database)
    before = await snapshot(database)
    arguments = explain.file(PEOPLE), "--variables", '{"first": 7}'
    finished = await explain(*arguments, ENABLE_COMPILED_EXECUTION=str(compiled))
    places = PLACES - JOINED if compiled else PLACES
    assert (finished.status, finished.err) == (0, "")
    titles = [line for line in finished.out.splitlines() if line[:1].isdigit()]
    assert {title.split()[1].rstrip(":") for title in titles[:-1]} == {
        ".".join(place) for place in places
    }
    assert titles[-1].startswith(f"{len(places)} statements in ")
    assert titles[-1].endswith(" ms, 0 warnings")
    assert "    FROM contact_phones\n    WHERE contact_phones.contact_id = ANY" in finished.out
    assert "Limit  (cost=" in finished.out
    assert "on contact_emails  (cost=" in finished.out
    assert "actual time" not in finished.out
    assert await snapshot(database) == before


async def test_json_has_path_sql_plan_and_warnings(explain: Command, database: Database) -> None:
    """For programs: one object, a query from stdin, and a warning tied to its field."""
    await populate(database)
    query = """query A { viewer { id } }
        query B { some: contacts(filter: {city: {contains: "burg"}}) { totalCount } }"""
    finished = await explain("-", "--operation", "B", "--json", stdin=query)
    assert (finished.status, finished.err) == (0, "")
    told = json.loads(finished.out)
    assert told["errors"] == []
    page, count = told["statements"]
    assert (page["path"], count["path"]) == (["some"], ["some", "totalCount"])
    for statement in (page, count):
        assert statement["operation"] == "B"
        assert statement["sql"].startswith("SELECT ")
        assert statement["milliseconds"] > 0
        (warning,) = statement["warnings"]
        assert (warning["code"], warning["relation"]) == ("LEADING_WILDCARD", "contacts")
        assert "contacts.city" in warning["message"]
    assert page["rows"] == 0
    assert {"Node Type", "Plans", "Total Cost"} < page["plan"].keys()
    assert (count["rows"], count["plan"]["Node Type"]) == (1, "Aggregate")


async def test_analyze_shows_what_was_measured(explain: Command, database: Database) -> None:
    """With --analyze every node has its time, rows and blocks."""
    await populate(database)
    finished = await explain(explain.file("{ contacts { nodes { id } } }"), "--analyze")
    assert finished.status == 0
    nodes = [line for line in finished.out.splitlines() if "(cost=" in line]
    assert nodes
    assert all("(actual time=" in line and "(hit=" in line for line in nodes)
    assert "rows=1 loops=1" in nodes[0]


async def test_code_is_shown_without_a_database(tmp_path: Path) -> None:
    """With --code nothing runs and nothing is opened; a mutation can be looked at too."""
    nowhere = Command(make_url("postgresql://nobody@127.0.0.1:1/nothing"), tmp_path)
    query = "{ contacts { edges { cursor node { title } } } }"
    finished = await nowhere("-", "--code", stdin=query)
    assert (finished.status, finished.err) == (0, "")
    assert "# contacts.edges: ContactEdge\n" in finished.out
    assert "'title': r['title']" in finished.out
    mutation = 'mutation { createContact(input: {firstName: "Ada"}) { contact { title } } }'
    finished = await nowhere("-", "--code", stdin=mutation)
    assert (finished.status, finished.err) == (0, "")
    assert "# createContact.contact: Contact\n" in finished.out
    finished = await nowhere("-", "--code", stdin="{ __schema { types { name } } }")
    assert finished.out == "# executed by graphql-core: introspection\n"
    assert not (tmp_path / "data").exists()


async def test_query_that_fails_is_status_1(explain: Command, database: Database) -> None:
    """Its errors stand on stderr, and what it ran until then is told all the same."""
    await populate(database)
    query = '{ contacts { nodes { id } } companies(after: "x") { nodes { id } } }'
    finished = await explain(explain.file(query))
    assert finished.status == 1
    assert finished.err.startswith("The query failed: ")
    assert "cursor" in finished.err
    assert "FROM contacts" in finished.out


async def test_database_without_our_tables_is_status_1(
    server_url: URL, template: str, tmp_path: Path
) -> None:
    """Explaining migrates nothing; it says what is missing."""
    async with database_of_its_own(server_url, name=f"{template}_bare") as url:
        finished = await Command(url, tmp_path)("-", stdin="{ contacts { totalCount } }")
    assert (finished.status, finished.out) == (1, "")
    assert "The database is at migration None" in finished.err
    assert "appointment360 doctor" in finished.err


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["missing.graphql"], "", "missing.graphql cannot be read: No such file"),
        (["."], "", ". cannot be read: Is a directory"),
        (["-"], "mutation { a: __typename }", "Only a query is explained"),
        (["-", "--variables", "{"], "{ a: __typename }", "--variables is not valid JSON"),
        (["-", "--role", "king"], "{ a: __typename }", "Invalid value for '--role'"),
    ],
    ids=["no file", "a folder", "a mutation", "broken variables", "no such role"],
)
async def test_wrong_use_is_status_2(
    explain: Command, arguments: Sequence[str], stdin: str, words: str
) -> None:
    """What cannot be explained is said on stderr before anything is opened."""
    finished = await explain(*arguments, stdin=stdin)
    assert (finished.status, finished.out) == (2, "")
    assert words in finished.err
    assert not (explain.folder / "data").exists()


@pytest.mark.parametrize(
    ("document", "variables", "operation", "words"),
    [
        ("{ contacts(", None, None, r"Syntax Error: .* \(line 1, column 12\)"),
        ("", None, None, "Syntax Error"),
        ("{ people { id } }", None, None, r"Cannot query field 'people'.* \(line 1, column 3\)"),
        ("query A { __typename } query B { __typename }", None, None, "--operation: A, B"),
        ("query A { __typename }", None, "B", "--operation: A"),
        ("{ __typename }", None, "B", "one without a name"),
        ("mutation A { __typename }", None, "A", "Only a query is explained"),
        ("{ __typename }", "nonsense", None, "--variables is not valid JSON"),
        ("{ __typename }", "[1]", None, "--variables is not a JSON object"),
    ],
)
def test_what_is_no_query_is_refused_with_reasons(
    document: str, variables: str | None, operation: str | None, words: str
) -> None:
    """The words lead to the mistake, with its line where there is one."""
    with pytest.raises(NotExplainable, match=words):
        read_query(document, variables, operation)


async def ask(resources: Resources, document: str, **options: Any) -> Explanation:
    """The explanation of a document without variables."""
    return await explain_query(resources, read_query(document, None, None), **options)


async def test_variables_that_do_not_fit_are_errors_of_the_query(resources: Resources) -> None:
    """A query that could not begin has errors and no statements."""
    query = read_query("query ($n: Int) { contacts(first: $n) { totalCount } }", '{"n": "x"}', None)
    explanation = await explain_query(resources, query)
    assert explanation.statements == []
    assert "$n" in explanation.errors[0]["message"]
    assert render_explanation(explanation) == "0 statements in 0.0 ms, 0 warnings"


async def test_query_is_asked_as_the_role_that_is_given(resources: Resources) -> None:
    """Somebody who exists stands for the viewer, once there is an admin."""
    refused = await ask(resources, "{ viewer { email } }")
    assert refused.errors[0]["extensions"]["code"] == "UNAUTHENTICATED"
    await execute(
        resources.database, "INSERT INTO users (email, role) VALUES ('a@acme.com', 'admin')"
    )
    for role in Role:
        assert (await ask(resources, "{ viewer { email } }", role=role)).errors == []


async def test_nobody_listens_once_a_query_is_explained(resources: Resources) -> None:
    """The statements of others are not collected for ever."""
    before = list(resources.database.observers)
    await ask(resources, "{ contacts { nodes { id } } }")
    assert resources.database.observers == before


async def test_statement_that_was_cut_off_has_its_plan(database_url: URL, tmp_path: Path) -> None:
    """Whoever explains a query that takes too long sees why, and it is not run again."""
    settings = Settings(
        database_url=SecretStr(database_url.render_as_string(hide_password=False)),
        data_dir=tmp_path,
    )
    async with open_resources(settings, statement_timeout_seconds=0.5) as resources:
        await populate(resources.database)
        for sql in (
            "ALTER TABLE contact_phones RENAME TO kept_phones",
            "CREATE VIEW contact_phones AS"
            " SELECT * FROM kept_phones WHERE pg_sleep(60) IS NOT NULL",
        ):
            await execute(resources.database, sql)
        document = "{ contacts { nodes { names: firstName phones { number } } } }"
        explanation = await ask(resources, document, execute=True)
    _, slow = explanation.statements
    assert slow.run.cut_off
    assert slow.asked.place == ("contacts", "nodes", "phones")
    assert slow.analysis is not None
    assert [error["extensions"]["code"] for error in explanation.errors] == ["TIMEOUT"]
    text = render_explanation(explanation)
    assert "contacts.nodes.phones: cut off in " in text
    assert "kept_phones" in text


async def test_statement_that_failed_has_no_plan(resources: Resources) -> None:
    """What PostgreSQL refuses to run it would refuse to explain too."""
    await populate(resources.database)
    await execute(resources.database, "ALTER TABLE contact_phones DROP COLUMN number CASCADE")
    explanation = await ask(resources, "{ contacts { nodes { phones { number } } } }")
    page, failed = explanation.statements
    assert page.analysis is not None
    assert failed.analysis is None
    assert "contacts.nodes.phones: failed in " in render_explanation(explanation)
