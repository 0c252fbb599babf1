"""What programs do with the clients that people use: each script checks one against a server."""

from typing import Final

import pytest

from tests.clients.conftest import RealServer
from tests.clients.node import needs_node, run_script

CHECKS: Final = {
    "audits.js": 61,
    "apollo.js": 11,
    "urql.js": 9,
    "relay.js": 6,
    "codegen.js": 2,
    "login.js": 5,
    "schema.js": 4,
}
"""The scripts, and how many checks each makes."""

pytestmark = [needs_node, pytest.mark.slow]


@pytest.mark.parametrize("script", CHECKS)
async def test_client_needs_no_workaround(real_server: RealServer, script: str) -> None:
    """Every check of the script succeeds, and all of them were made."""
    checks = await run_script(script, real_server.told)
    assert {name: failed for name, failed in checks.items() if failed} == {}
    assert len(checks) == CHECKS[script]
