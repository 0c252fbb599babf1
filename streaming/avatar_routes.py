"""The REST routes of users' pictures: everybody sees them, each user changes their own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cache.http import PRIVATE
from db.avatars import delete_avatar, find_avatar, put_avatar
from db.rows import UploadRow
from db.transaction import Database
from domain.errors import AppError, InvalidImage, InvalidInput, NotFound, RateLimited
from domain.pictures import MAX_PICTURE_BYTES, Picture, Reencode
from domain.uploads import UploadKind
from domain.viewer import Permission
from streaming.bodies import media_type_of
from streaming.caching import has_current
from streaming.file_kinds import HEAD_BYTES, KINDS, problems_of_file, with_checked_head
from streaming.identify import Identify
from streaming.json_bodies import JSON, read_json_object
from streaming.multipart import FormFile, open_form
from streaming.routing import rest_routes
from streaming.uploads import Uploads

OWN_PATH: Final = "/api/v2/users/profile/avatar"

_PATH: Final = "/api/v2/users/{user_uuid}/avatar"
_MAX_NAME_BYTES: Final = 1024


def avatar_routes(
    database: Database, uploads: Uploads, *, identify: Identify, reencode: Reencode
) -> list[Route]:
    """`/users/profile/avatar` of who asks, and `/users/{uuid}/avatar` of anybody."""
    routes = _AvatarRoutes(database, uploads, identify, reencode)
    return rest_routes(
        (OWN_PATH, routes.own, ["GET"]),
        (OWN_PATH, routes.replace, ["POST"]),
        (OWN_PATH, routes.remove, ["DELETE"]),
        (_PATH, routes.anybodys, ["GET"]),
    )


def avatar_url(user_uuid: UUID, etag: str) -> str:
    """The address of a picture, relative to the server: another one for another picture."""
    return f"/api/v2/users/{user_uuid}/avatar/?v={etag[:8]}"


class _AvatarRoutes:
    """What the routes answer."""

    def __init__(
        self, database: Database, uploads: Uploads, identify: Identify, reencode: Reencode
    ) -> None:
        self._database = database
        self._uploads = uploads
        self._identify = identify
        self._reencode = reencode
        self._sending: set[UUID] = set()

    async def own(self, request: Request) -> Response:
        """The picture of who asks."""
        return await self._answer(request, await self._own_uuid(request, Permission.READ))

    async def anybodys(self, request: Request) -> Response:
        """The picture of the user that the path names."""
        await self._identify(request, Permission.READ)
        try:
            user_uuid = UUID(request.path_params["user_uuid"])
        except ValueError:
            raise _no_picture() from None
        return await self._answer(request, user_uuid)

    async def replace(self, request: Request) -> Response:
        """Take the picture of a form, or one that was uploaded, for the one of who asks."""
        user_uuid = await self._own_uuid(request, Permission.ACCOUNT)
        upload: UploadRow | None = None
        with self._alone(user_uuid):
            if media_type_of(request) == JSON:
                upload, content = await self._uploaded(request, user_uuid)
            else:
                async with open_form(request, max_file_bytes=MAX_PICTURE_BYTES) as form:
                    content = await _content(form)
            picture = await self._reencode(content)
        etag = await self._database.finish(self._put(user_uuid, picture))
        if upload is not None:
            await self._forget(upload)
        url = avatar_url(user_uuid, etag)
        told = {"avatarUrl": url, "width": picture.width, "height": picture.height}
        headers = {"Location": url.partition("?")[0], "Cache-Control": PRIVATE}
        return Response(orjson.dumps(told), 201, headers, "application/json")

    async def remove(self, request: Request) -> Response:
        """Take away the picture of who asks, if there is one."""
        user_uuid = await self._own_uuid(request, Permission.ACCOUNT)
        await self._database.finish(self._delete(user_uuid))
        return Response(status_code=204)

    async def _own_uuid(self, request: Request, permission: Permission) -> UUID:
        return (await self._identify(request, permission)).user_uuid

    async def _uploaded(self, request: Request, user_uuid: UUID) -> tuple[UploadRow, bytes]:
        """The upload that the body names, and its file.

        Raises:
            NotFound: Who asks has no such upload.
            InvalidUpload: It is not complete.
            InvalidImage: It is no picture.
        """
        body = await read_json_object(request, max_bytes=_MAX_NAME_BYTES)
        try:
            row = await self._uploads.find(UUID(str(body.get("uploadId"))), owner=user_uuid)
        except ValueError:
            raise InvalidInput('Name an upload, as in {"uploadId": "<uuid>"}.') from None
        if row.kind != UploadKind.AVATAR.value:
            raise InvalidImage("This upload was not sent as a picture.")
        async with self._uploads.opened(row) as path:
            content = await asyncio.to_thread(path.read_bytes)
        _check(content[:HEAD_BYTES])
        return row, content

    async def _forget(self, upload: UploadRow) -> None:
        # Nobody needs it now; who has removed it at the same time has a picture all the same.
        with suppress(AppError):
            await self._uploads.remove(upload)

    @contextmanager
    def _alone(self, user_uuid: UUID) -> Iterator[None]:
        """A user sends one picture at a time: each is in memory until it is made anew.

        Raises:
            RateLimited: The user is sending one.
        """
        if user_uuid in self._sending:
            message = "You are sending a picture already. Wait until it was taken."
            raise RateLimited(message, retry_after_seconds=1)
        self._sending.add(user_uuid)
        try:
            yield
        finally:
            self._sending.discard(user_uuid)

    async def _put(self, user_uuid: UUID, picture: Picture) -> str:
        async with self._database.write() as tx:
            return await put_avatar(tx, user_uuid, picture)

    async def _delete(self, user_uuid: UUID) -> None:
        async with self._database.write() as tx:
            await delete_avatar(tx, user_uuid)

    async def _answer(self, request: Request, user_uuid: UUID) -> Response:
        async with self._database.read() as session:
            avatar = await find_avatar(session, user_uuid)
        if avatar is None:
            raise _no_picture()
        tag = f'"{avatar.etag}"'
        headers = {
            "ETag": tag,
            "Cache-Control": PRIVATE,
            "Vary": "Authorization",
            "X-Content-Type-Options": "nosniff",
        }
        if has_current(request, tag):
            return Response(status_code=304, headers=headers)
        return Response(avatar.content, headers=headers, media_type=avatar.media_type)


async def _content(form: FormFile) -> bytes:
    """The whole file; what is no picture by its first bytes is not read to its end.

    Raises:
        InvalidImage: It is none by its first bytes.
    """
    return b"".join([chunk async for chunk in with_checked_head(form.chunks(), _check)])


def _check(head: bytes) -> None:
    allowed = KINDS[UploadKind.AVATAR].media_types
    if problems := problems_of_file(head, filename="", media_type="", allowed=allowed):
        raise InvalidImage(problems[0])


def _no_picture() -> NotFound:
    return NotFound("This user has no picture, or is not there.")
