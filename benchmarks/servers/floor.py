"""The floor: a route that parses the body and answers constant bytes. No server is below it."""

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.servers.listening import listen

_ANSWER = b'{"data":{}}'


async def _answer(request: Request) -> Response:
    orjson.loads(await request.body())
    return Response(_ANSWER, media_type="application/json")


if __name__ == "__main__":
    listen([Route("/{operation}", _answer, methods=["POST"])])
