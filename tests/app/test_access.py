"""Who may come in, as the whole application has it: headers, signed addresses, names."""

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import URL

from app.resources import Resources
from cache.lease import LEASE_SECONDS
from db.rows import Row, UserRow
from db.statements import Statement
from domain.accounts import Client as Caller
from domain.accounts import NewUser
from domain.changes import ChangeKind, ContactChanged
from domain.enums import Role
from domain.viewer import Permission, Viewer
from tests.apps import App, open_app
from tests.client import Client
from tests.factories import make_contact

PASSWORD = "correct horse battery staple"
PICTURE = "/api/v2/users/profile/avatar/"
LINK = "/api/v1/contacts/stream/?format=jsonl"


async def add(resources: Resources, role: Role, name: str) -> UserRow:
    """A user with a password."""
    new = NewUser(email=f"{name}@example.com", role=role, name=name, password=PASSWORD)
    return (await resources.accounts.create_user(new)).user


async def statuses(app: App, user: UserRow, *tokens: str) -> list[int]:
    """What requests are answered with these tokens, and by a signed address of the user."""
    link = app.resources.links.sign(LINK, user.uuid, ttl_seconds=60)
    found = [(await app.http.get(link)).status_code]
    for token in tokens:
        headers = {"Authorization": f"Bearer {token}"}
        answers = [await app.http.get(path, headers=headers) for path in (LINK, PICTURE)]
        body = {"query": "{ contacts { nodes { id } } }"}
        answers.append(await app.http.post("/graphql", json=body, headers=headers))
        found += [answer.status_code for answer in answers]
    return found


async def test_who_is_disabled_is_let_in_by_no_door(database_url: URL, tmp_path: Path) -> None:
    """Session, terminal, token of the API, signed address: each is refused at once."""
    async with open_app(database_url, tmp_path) as app:
        accounts = app.resources.accounts
        user = await add(app.resources, Role.VIEWER, "ada")
        session = await accounts.signing_in.login(user.email, PASSWORD, client=Caller())
        of_api = await accounts.api_tokens.create(
            Viewer(user.uuid, Role.VIEWER),
            name="CI",
            scopes=[Permission.READ, Permission.EXPORT],
            expires_at=None,
        )
        of_terminal = accounts.signing_in.issue_token(user, ttl_seconds=60)
        tokens = (session.access_token, of_terminal, of_api.secret)
        # There is no picture.
        assert await statuses(app, user, *tokens) == [200, *[200, 404, 200] * 3]
        await accounts.update_user(user.id, is_active=False)
        assert await statuses(app, user, *tokens) == [401] * 10


async def test_signed_address_ends_with_what_sends_its_user_away(
    database_url: URL, tmp_path: Path
) -> None:
    """Leaving everywhere, another password, another role: an address that was copied is no use."""
    async with open_app(database_url, tmp_path) as app:
        accounts, user = app.resources.accounts, await add(app.resources, Role.EDITOR, "ada")
        for send_away in (
            lambda: accounts.signing_in.logout(Viewer(user.uuid, Role.EDITOR), everywhere=True),
            lambda: accounts.set_password(user.id, None),
            lambda: accounts.update_user(user.id, role=Role.VIEWER),
        ):
            link = app.resources.links.sign(LINK, user.uuid, ttl_seconds=60)
            assert (await app.http.get(link)).status_code == 200
            await send_away()
            assert (await app.http.get(link)).status_code == 401


async def test_name_of_a_user_is_shown_as_it_is_though_answers_are_kept(
    database_url: URL, tmp_path: Path
) -> None:
    """Whoever changes it is answered once nobody is shown the old one."""
    query = "{ contacts { nodes { owner { name } } } }"
    async with open_app(
        database_url, tmp_path, with_cache=True, lease_seconds=LEASE_SECONDS
    ) as app:
        user = await add(app.resources, Role.EDITOR, "ada")
        contact = await make_contact(app.resources.database)
        async with app.resources.database.write() as tx:
            own = text("UPDATE contacts SET owner_id = CAST(:owner AS bigint)")
            await tx.fetch(Statement(own, Row), {"owner": user.id})
            tx.record(ContactChanged(kind=ChangeKind.UPDATED, contact_id=contact.id))
        client = Client(
            app.http, app.resources.accounts.signing_in.issue_token(user, ttl_seconds=60)
        )
        assert (await client.query(query))["contacts"]["nodes"] == [{"owner": {"name": "ada"}}]
        await app.resources.accounts.update_profile(
            Viewer(user.uuid, Role.EDITOR),
            name="Countess",
            current_password=None,
            client=Caller(),
        )
        assert (await client.query(query))["contacts"]["nodes"] == [{"owner": {"name": "Countess"}}]
