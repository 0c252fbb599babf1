"""The entries of the peers.

Those under Node are installed by `benchmarks.peers.npm`; a folder of this one holds what each runs,
and its documents where its schema is another.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.operations import Operation, Request
from benchmarks.servers.entry import Place, Server, ask_by_row_id, plain_environment

POSTGRAPHILE: Final = "postgraphile"
"""The peer that ratios are told against, beside limit A."""

_FOLDER: Final = Path(__file__).parent
_NODE: Final = ("node", "graphql", "pg")


def _ask_with_documents_of(name: str) -> Callable[[Operation, int], Request]:
    ask = ask_by_row_id(_at_graphql)

    def ask_in_its_words(operation: Operation, contact: int) -> Request:
        return ask(replace(operation, document=_document(name, operation.name)), contact)

    return ask_in_its_words


@cache
def _document(peer: str, operation: str) -> str:
    return (_FOLDER / peer / f"{operation}.graphql").read_text()


def _under_node(name: str) -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        folder = place.npm_folder
        return [str(folder / "node_modules/.bin/node"), str(folder / name / "server.mjs")]

    return command


def _production(place: Place) -> Mapping[str, str]:
    return {**plain_environment(place), "NODE_ENV": "production", "GRAPHILE_ENV": "production"}


def _at_graphql(_operation: Operation) -> str:
    return "/graphql"


PEERS: Final = (
    Server(
        name=POSTGRAPHILE,
        command=_under_node("postgraphile"),
        environment=_production,
        ask=_ask_with_documents_of("postgraphile"),
        ready_path="/graphql?query=%7B__typename%7D",
        npm=("postgraphile", *_NODE),
    ),
    Server(
        name="mercurius",
        command=_under_node("mercurius"),
        environment=_production,
        ask=ask_by_row_id(_at_graphql),
        npm=("mercurius", "graphql-jit", "fastify", *_NODE),
    ),
    Server(
        name="apollo",
        command=_under_node("apollo"),
        environment=_production,
        ask=ask_by_row_id(_at_graphql),
        npm=("@apollo/server", "dataloader", "fastify", *_NODE),
    ),
    Server(
        name="strawberry_orm",
        command=lambda _place: [sys.executable, "-m", "benchmarks.peers.strawberry_orm"],
        environment=plain_environment,
        ask=ask_by_row_id(_at_graphql),
        packages=("strawberry-graphql", "graphql-core", "sqlalchemy", "aiodataloader"),
    ),
)
