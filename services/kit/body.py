"""A request's body is read up to a bound before anybody looks at it: a program that sends for ever is cut off early.

A form or a JSON document of ours is small. Whatever is longer is no request of ours, whoever sends it, and is not kept
in memory until somebody has looked at a token.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from services.kit.problem import problem

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

FORM_BYTES = 64 << 10
"""A visitor's report, the longest of our forms, with a page of free text in every field."""

BYTES = 1 << 20
FORMS = (b"application/x-www-form-urlencoded", b"multipart/form-data")


class _TooLong(Exception):
    """More was sent than may be."""


class _Gone(Exception):
    """The other side hung up in the middle."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """An ASGI application behind which another gets whole requests of bounded length; longer ones are refused (413)."""

    behind: Application
    form_bytes: int = FORM_BYTES
    most_bytes: int = BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        headers = dict(scope.get("headers") or ())
        if scope["type"] != "http" or not (b"content-length" in headers or b"transfer-encoding" in headers):
            return await self.behind(scope, receive, send)
        bound = self._bound(headers)
        try:
            body = await _read(headers, receive, bound)
        except _TooLong:
            return await _refuse(bound)(scope, receive, send)
        except _Gone:
            return None
        return await self.behind(scope, _again(body, receive), send)

    def _bound(self, headers: dict[bytes, bytes]) -> int:
        kind = headers.get(b"content-type", b"").lower()
        return self.form_bytes if kind.startswith(FORMS) else self.most_bytes


async def _read(headers: dict[bytes, bytes], receive: Receive, bound: int) -> bytes:
    said = headers.get(b"content-length", b"")
    if said.isdigit() and int(said) > bound:
        raise _TooLong
    parts, length, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise _Gone
        part, more = message.get("body", b""), message.get("more_body", False)
        parts.append(part)
        length += len(part)
        if length > bound:
            raise _TooLong
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body as one message, then whatever follows."""
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _refuse(bound: int) -> Application:
    answer = problem(413, f"the request is too long: {bound:,} bytes are the most")
    answer.headers["connection"] = "close"  # what else is on its way is not read
    return answer
