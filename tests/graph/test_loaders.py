"""Promises of `graph.loaders`: one loader for each thing, of one request alone."""

from aiodataloader import DataLoader

from db.transaction import Database
from domain.node_ids import NodeKind
from graph.loaders import Loaders
from graph.reads import Reads


async def test_loader_is_made_once_for_each_request(database: Database) -> None:
    """Loads of one request meet in one batch; another request has batches of its own."""
    one, other = (Loaders(Reads(database)) for _ in range(2))
    assert one.contact_by_id is one.contact_by_id
    assert one.contact_by_id is not one.company_by_id
    assert one.contact_by_id is not other.contact_by_id


async def test_every_kind_of_id_has_a_loader(database: Database) -> None:
    """The loader of `node` is the one that relations use, so that both share what was read."""
    loaders = Loaders(Reads(database))
    for kind in NodeKind:
        assert isinstance(loaders.node_by_id(kind), DataLoader)
    assert loaders.node_by_id(NodeKind.CONTACT) is loaders.contact_by_id
    assert loaders.node_by_id(NodeKind.COMPANY) is loaders.company_by_id
