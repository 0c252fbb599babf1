"""What imports keep of a person is forgotten with the person."""

from typing import Any

from db.privacy import _STRIP_IMAGES, Erasure
from db.staging import Finding
from db.transaction import Database
from domain.bulk import OnConflict
from domain.imports import MultiValueMode
from tests.db import staged
from tests.db.importing import (
    FileLine,
    make_import,
    rejects_of,
    rows_of_file,
    told_of,
    undo_all,
    write_batch,
)
from tests.db.people import PROFILE, erase
from tests.factories import make_contact
from tests.graph.rows import read_rows


async def test_copies_that_imports_keep_go_with_the_person(database: Database) -> None:
    """Rows that were rejected with what is told of them, and how the contact was before."""
    contact = await make_contact(database, emails=("ada@example.com",))
    other = await make_contact(database, emails=("eve@example.com",))
    plan = await make_import(database)
    wrong = Finding(code="INVALID_PHONE", message="no", raw="call ada@example.com")
    lines = [
        FileLine(2, staged.contact(2, "ada@example.com", title="CEO")),
        FileLine(3, staged.contact(3, "eve@example.com", title="CTO")),
        FileLine(4, None, (wrong,), ("Ada <ADA@Example.com>", "x")),
        FileLine(5, None, (wrong,), ("https://linkedin.com/in/eve", "x")),
    ]
    await write_batch(database, plan, lines)
    await erase(database, contact.id)
    assert await rejects_of(database, plan.job_id) == [(5, list(lines[3].cells))]
    assert [line for line, *_ in await told_of(database, plan.job_id)] == [5]
    changed = await staged.rows_of(database, "SELECT record_id FROM import_changes")
    assert changed == [(other.id,)]


async def test_rejected_rows_are_forgotten_whatever_they_look_like(database: Database) -> None:
    """Long cells, rows that nobody could take apart, and domains in their own script."""
    ada = await make_contact(database, emails=("ada@münchen.example",), linkedin_url=PROFILE)
    plan = await make_import(database)
    wrong = Finding(code="UNPARSABLE_ROW", message="no")
    far, much = "word " * 200, "x" * 600
    cells = [
        (f"{far}ada@xn--mnchen-3ya.example",),
        (f'1;"Ada;ADA@münchen.example;{far}',),
        (f"{much}|linkedin.com/in/ada|{much}",),
        (f"{far}eve@münchen.example {much}",),
    ]
    await write_batch(
        database, plan, [FileLine(at, None, (wrong,), row) for at, row in enumerate(cells, 2)]
    )
    await erase(database, ada.id)
    assert await rejects_of(database, plan.job_id) == [(5, list(cells[3]))]
    assert [line for line, *_ in await told_of(database, plan.job_id)] == [5]


async def test_keys_that_others_had_before_an_import_are_forgotten(database: Database) -> None:
    """Of what would be given back to them only the keys go; they can be undone, without these."""
    bob = await make_contact(
        database,
        first_name="Bob",
        emails=("ada@x.example", "bob@x.example"),
        linkedin_url=PROFILE,
    )
    cid = await make_contact(database, emails=("cid@x.example",), linkedin_url="in/cid")
    plan = await make_import(
        database, on_conflict=OnConflict.OVERWRITE, multi_value_mode=MultiValueMode.REPLACE
    )
    lines = [
        staged.contact(2, "bob@x.example", linkedin_url="https://www.linkedin.com/in/bob"),
        staged.contact(3, "cid@x.example", linkedin_url="https://www.linkedin.com/in/c2"),
    ]
    await write_batch(database, plan, rows_of_file(*lines))
    ada = await make_contact(database, emails=("ada@x.example",), linkedin_url=PROFILE)
    untouched = await image_of(database, cid.id)
    before = str(await image_of(database, bob.id))
    assert "ada@x.example" in before
    assert PROFILE in before

    assert await erase(database, ada.id) == [Erasure(ada.id, is_erased=True)]
    after = str(await image_of(database, bob.id))
    assert "ada@x.example" not in after
    assert PROFILE not in after
    assert await image_of(database, cid.id) == untouched
    await undo_all(database, plan)
    assert await read_rows(
        database,
        "SELECT c.id, c.first_name, c.email, e.address, e.is_primary, m.linkedin_url"
        " FROM contacts c JOIN contact_emails e ON e.contact_id = c.id"
        " JOIN contact_metadata m ON m.contact_id = c.id ORDER BY c.id",
    ) == [
        (bob.id, "Bob", "bob@x.example", "bob@x.example", True, None),
        (cid.id, cid.first_name, *("cid@x.example",) * 2, True, f"{PROFILE[:-3]}cid"),
    ]


async def image_of(database: Database, contact_id: int) -> Any:
    """How a contact was before an import."""
    ((image,),) = await read_rows(
        database, "SELECT before FROM import_changes WHERE record_id = $1", contact_id
    )
    return image


async def test_images_are_found_by_an_index(database: Database) -> None:
    """An erasure does not look at what every import of the last days has changed."""
    async with database.write() as tx:
        await tx.driver.execute("SET LOCAL enable_seqscan = off")
        plan = await tx.driver.fetch(f"EXPLAIN {_STRIP_IMAGES.sql}", ["ada@x.example"])
    assert "ix_import_changes_person_keys" in str(plan)
