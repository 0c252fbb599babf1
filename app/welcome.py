"""What a server says at the terminal once it takes requests."""

from typing import Final

from app.first_start import Admin
from app.resources import Resources
from app.terminal import say

_DEMO_TOKEN_SECONDS: Final = 24 * 3600


def welcome(resources: Resources, admin: Admin, *, port: int) -> None:
    """Tell a newcomer what there is. In production no token is written anywhere.

    The password of an admin that has just been made is: nobody could come in otherwise.
    """
    host = resources.settings.host
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if resources.settings.is_production:
        say("\n".join([f"Serving {address}/graphql", *_first_login(admin)]))
        return
    token = resources.accounts.signing_in.issue_token(admin.user, ttl_seconds=_DEMO_TOKEN_SECONDS)
    query = "{ contacts(first: 3) { nodes { fullName title company { name } } totalCount } }"
    lines = [
        "",
        "Appointment360 is ready.",
        "",
        f"  Explorer   {address}/#token={token}",
        f"  GraphQL    {address}/graphql",
        f"  Data       {_where(resources)}",
        "  Stop       Ctrl-C",
        "",
        *_first_login(admin),
        "Try it (the token is an admin's and lasts a day):",
        "",
        f"  curl {address}/graphql \\",
        f"    -H 'Authorization: Bearer {token}' \\",
        "    -H 'Content-Type: application/json' \\",
        f"""    -d '{{"query": "{query}"}}'""",
        "",
    ]
    say("\n".join(lines))


def _first_login(admin: Admin) -> list[str]:
    """How to come in for the first time; nothing when somebody has."""
    if admin.password is None:
        return []
    return [
        "The first admin was made; this password is shown once:",
        "",
        f"  E-mail     {admin.user.email}",
        f"  Password   {admin.password}",
        "",
    ]


def _where(resources: Resources) -> str:
    if resources.embedded is not None:
        return str(resources.embedded.folder)
    return resources.database_url.render_as_string(hide_password=True)
