"""A GraphQL client for tests: over HTTP, with a token, asserting what it is told to."""

from typing import Any

import httpx
import orjson


def without_cost(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what it costs, which all have that are answered."""
    told = {name: it for name, it in answer.get("extensions", {}).items() if name != "cost"}
    others = {name: part for name, part in answer.items() if name != "extensions"}
    return {**others, "extensions": told} if told else others


class Client:
    """Sends operations as one user."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self.http = http
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    async def send(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer to an operation, but for what it costs."""
        content = orjson.dumps({"query": query, "variables": variables})
        response = await self.http.post("/graphql", content=content, headers=self.headers)
        return without_cost(response.json())

    async def query(self, query: str, **variables: Any) -> Any:
        """The data of an operation that has no errors."""
        answer = await self.send(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def fail(self, query: str, **variables: Any) -> dict[str, Any]:
        """The one error of an operation that fails."""
        answer = await self.send(query, **variables)
        (error,) = answer["errors"]
        found: dict[str, Any] = error
        return found
