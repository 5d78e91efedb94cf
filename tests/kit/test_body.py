"""A request is read up to a bound before any page sees it, through the real server and a real socket."""

import json
import socket
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI, Request

from services.kit.body import BYTES, FORM_BYTES
from services.kit.web import Door, Health, WebThread, listen

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
Ask = Callable[..., tuple[int, bytes]]


@pytest.fixture
def seen() -> list[int]:
    """The lengths of the bodies that a page was given."""
    return []


@pytest.fixture
def ask(seen: list[int]) -> Iterator[Ask]:
    """Sends one request with a body in chunks or by its length; answers status and body."""
    app = FastAPI()

    @app.post("/n/{token}")
    async def page(token: str, request: Request) -> int:
        seen.append(len(await request.body()))
        return seen[-1]

    @app.get("/n/{token}")
    def look(token: str) -> str:
        return token

    door = Door("notifier", lambda: Health("ready", "notifier"), app)
    web = WebThread(door, listen("127.0.0.1", 0)).start()
    yield lambda *given, **how: _ask(web.port, *given, **how)
    web.stop()


def _ask(
    port: int, kind: str, length: int, *, sent: int | None = None, chunked: bool = False, method: str = "POST"
) -> tuple[int, bytes]:
    framing = "transfer-encoding: chunked" if chunked else f"content-length: {length}"
    head = f"{method} /n/token HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\n{framing}\r\nconnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        try:
            sock.sendall(head.encode())
            _send(sock, length if sent is None else sent, chunked)
        except OSError:
            pass  # it has hung up on us, which is what we want
        return _answer(sock)


def _send(sock: socket.socket, length: int, chunked: bool) -> None:
    left = length
    while left:
        part = b"a" * min(left, 1 << 15)
        left -= len(part)
        sock.sendall(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
    if chunked:
        sock.sendall(b"0\r\n\r\n")


def _answer(sock: socket.socket) -> tuple[int, bytes]:
    found = b""
    try:
        while part := sock.recv(65536):
            found += part
    except OSError:
        pass
    head, _, body = found.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head else 0), body


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("kind", "bound"), [(FORM, FORM_BYTES), (MULTIPART, FORM_BYTES), ("application/json", BYTES)])
def test_what_is_just_short_enough_comes_in_whole(
    ask: Ask, seen: list[int], kind: str, bound: int, chunked: bool
) -> None:
    assert ask(kind, bound, chunked=chunked)[0] == 200
    assert seen == [bound]


@pytest.mark.parametrize(("kind", "bound"), [(FORM, FORM_BYTES), (MULTIPART, FORM_BYTES), ("application/json", BYTES)])
def test_what_says_that_it_is_too_long_is_refused_as_a_problem(
    ask: Ask, seen: list[int], kind: str, bound: int
) -> None:
    status, body = ask(kind, bound + 1)
    assert status == 413
    assert json.loads(body)["status"] == 413
    assert f"{bound:,} bytes" in json.loads(body)["detail"]
    assert seen == []


def test_what_does_not_say_how_long_it_is_is_cut_off_at_the_bound(ask: Ask, seen: list[int]) -> None:
    status, _ = ask(MULTIPART, 50 << 20, chunked=True)
    assert status in (413, 0), "0: the line was cut while we were still sending"
    assert seen == []


def test_what_says_that_it_is_too_long_is_refused_before_any_of_it_is_sent(ask: Ask, seen: list[int]) -> None:
    assert ask(MULTIPART, 1 << 40, sent=0)[0] == 413
    assert seen == []


def test_a_request_without_a_body_goes_through(ask: Ask) -> None:
    assert ask("text/plain", 0, method="GET") == (200, b'"token"')
