"""Adds to ministack what the rehearsal of a deploy needs."""

import json
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

_KEPT = ("_resources", "_authorizers_v1")

Answer = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Answer]]
Served = Callable[[Any, Any, Any], Awaitable[None]]


def over_https(served: Served) -> Served:
    """An ASGI application that treats each HTTP request as HTTPS, because the buckets' policy requires HTTPS."""

    async def respond(scope: Any, receive: Any, send: Any) -> None:
        await served({**scope, "scheme": "https"} if scope["type"] == "http" else scope, receive, send)

    return respond


def importing(gateway: ModuleType) -> Handler:
    """ministack's handler of API Gateway's control plane, with ImportRestApi and PutRestApi, which Chalice calls."""
    handle: Handler = gateway.handle_request

    async def handled(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Answer:
        top, *rest = path.strip("/").split("/")
        if top == "restapis" and "mode" in query:
            imported = _imported(gateway, json.loads(body))
            if method == "PUT":
                _replace(gateway, rest[0], imported)
            return await handle("GET", f"/restapis/{rest[0] if rest else imported}", headers, b"", {})
        return await handle(method, path, headers, body, query)

    return handled


def _imported(gateway: ModuleType, swagger: dict[str, Any]) -> str:
    types = swagger.get("x-amazon-apigateway-binary-media-types", [])
    return str(gateway._import_rest_api(swagger, {"binaryMediaTypes": types}))


def _replace(gateway: ModuleType, api: str, imported: str) -> None:
    for kept in _KEPT:
        getattr(gateway, kept)[api] = getattr(gateway, kept)[imported]
    gateway._delete_rest_api(imported)
