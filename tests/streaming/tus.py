"""A client of uploads that says what tus 1.0 says, and what a test has it say instead."""

import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx

from app.resources import Resources
from domain.enums import Role
from tests.apps import STRANGER
from tests.db.datasets import seeded

ROOT: Final = "/api/v1/uploads/"
OTHER: Final = UUID(int=7)
BYTES: Final = seeded("tus").randbytes(300_000)
LARGEST: Final = 6 * 2**20
BLOCK: Final = 2**12
BINARY: Final = "application/offset+octet-stream"


def metadata(**told: str) -> str:
    """Names and values as tus writes them."""
    return ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in told.items())


def digest(algorithm: str, data: bytes) -> str:
    """A checksum as tus writes it."""
    return f"{algorithm} {b64encode(hashlib.new(algorithm, data).digest()).decode()}"


@dataclass(frozen=True)
class Tus:
    """Uploads as one user."""

    http: httpx.AsyncClient
    resources: Resources
    role: Role = Role.EDITOR
    user: UUID = STRANGER

    async def send(
        self,
        method: str,
        path: str,
        *,
        content: bytes | AsyncIterator[bytes] | None = None,
        **headers: Any,
    ) -> httpx.Response:
        """An answer; `upload_offset` is the header `Upload-Offset`, an empty one is left out."""
        token = self.resources.tokens.issue(self.user, self.role, ttl_seconds=600)
        usual = {"authorization": f"Bearer {token}", "tus-resumable": "1.0.0"}
        usual |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in usual.items() if value}
        return await self.http.request(method, path, content=content, headers=sent)

    async def create(
        self, size: int = len(BYTES), kind: str = "contacts", **headers: Any
    ) -> httpx.Response:
        """The answer to an announced file."""
        told = metadata(filename="people.csv", filetype="text/csv", kind=kind)
        given: dict[str, Any] = {"upload_length": str(size), "upload_metadata": told} | headers
        return await self.send("POST", ROOT, **given)

    async def created(self, size: int = len(BYTES), kind: str = "contacts") -> str:
        """Where a new upload is."""
        answer = await self.create(size, kind)
        assert answer.status_code == 201, answer.text
        location: str = answer.headers["location"]
        return location

    async def patch(
        self, path: str, offset: int, content: bytes | AsyncIterator[bytes], **headers: Any
    ) -> httpx.Response:
        given = {"content_type": BINARY, "upload_offset": str(offset)} | headers
        return await self.send("PATCH", path, content=content, **given)

    async def offset(self, path: str) -> int:
        """Where an upload goes on."""
        answer = await self.send("HEAD", path)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["upload-offset"])

    def file(self, path: str) -> Path:
        """Where its bytes lie."""
        return self.resources.data_folder / "uploads" / path.rpartition("/")[2]


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["tus-resumable"] == "1.0.0"
    return answer.status_code, answer.json()["code"]
