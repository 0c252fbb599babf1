"""The operations that are measured, as they are written for Appointment360.

A server that speaks another schema brings documents of its own, with aliases so that the answers
say the same under the same names; `benchmarks.equality` holds every server to that.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

CONTACT: Final = "$contact"
"""Stands in the variables for the id of a contact; another one in each request."""

_FOLDER: Final = Path(__file__).with_name("operations")


@dataclass(frozen=True)
class Operation:
    """A document with the variables that go with it."""

    name: str
    document: str
    variables: Mapping[str, Any]

    @property
    def rotates(self) -> bool:
        """Whether requests differ by the contact they ask for."""
        return CONTACT in self.variables.values()

    def variables_for(self, contact_id: object) -> dict[str, Any]:
        """The variables of the request that asks for this contact."""
        return {
            name: contact_id if value == CONTACT else value
            for name, value in self.variables.items()
        }


@dataclass(frozen=True)
class Request:
    """One HTTP request; always a POST."""

    path: str
    body: bytes
    headers: Mapping[str, str]

    def as_bytes(self) -> bytes:
        """What goes over the wire; the connection stays open."""
        headers = {
            "Host": "127.0.0.1",
            "Content-Type": "application/json",
            "Accept": "application/json",
            **self.headers,
            "Content-Length": str(len(self.body)),
        }
        lines = [f"POST {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        return "\r\n".join(lines).encode() + self.body


def graphql_request(
    path: str, operation: Operation, *, contact_id: object, headers: Mapping[str, str]
) -> Request:
    """The operation as GraphQL over HTTP sends it."""
    body = {"query": operation.document, "variables": operation.variables_for(contact_id)}
    return Request(path, orjson.dumps(body), headers)


def operation_names() -> list[str]:
    """The names of all operations, in order."""
    return sorted(path.stem for path in _FOLDER.glob("*.graphql"))


def load_operation(name: str, folder: Path = _FOLDER) -> Operation:
    """The operation of this name: its document and the JSON of its variables."""
    document = (folder / f"{name}.graphql").read_text()
    return Operation(name, document, json.loads((folder / f"{name}.json").read_text()))
