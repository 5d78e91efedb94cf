"""The proxy does to connections what its toxics say, and lets everything through when it is healed."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import Proxies, Proxy, Toxic, toxic


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that answers what it is told."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                conversation, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=[conversation], daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def answer(conversation: socket.socket) -> None:
    with conversation:
        try:
            while data := conversation.recv(65536):
                conversation.sendall(data)
        except OSError:
            return


@pytest.fixture
def proxies(echo: int) -> Iterator[Proxies]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Proxies([Proxy("p", port, ("127.0.0.1", echo))]) as started:
        yield started


def connect(proxies: Proxies) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxies.by_name["p"].listen), timeout=2)


def echoed(conversation: socket.socket, data: bytes) -> bytes:
    conversation.sendall(data)
    found = b""
    while len(found) < len(data) and (more := conversation.recv(65536)):
        found += more
    return found


def test_what_is_healthy_passes_unchanged(proxies):
    with connect(proxies) as line:
        assert echoed(line, b"x" * 200_000) == b"x" * 200_000


def test_latency_makes_data_late(proxies):
    proxies.spoil("p", Toxic("latency", latency=0.15))
    with connect(proxies) as line:
        begun = time.monotonic()
        assert echoed(line, b"late") == b"late"
        assert time.monotonic() - begun >= 0.3


def test_a_slicer_cuts_data_small_and_loses_none(proxies):
    proxies.spoil("p", Toxic("slicer", size=10, delay=0.001))
    data = bytes(range(256)) * 4
    with connect(proxies) as line:
        assert echoed(line, data) == data


def test_a_timeout_lets_nothing_through_until_it_is_healed(proxies):
    with connect(proxies) as line:
        assert echoed(line, b"before") == b"before"
        proxies.spoil("p", toxic("timeout"))
        line.sendall(b"lost")
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(10)
        proxies.heal()
        line.settimeout(2)
        assert line.recv(10) == b"", "a connection that held something back falls"
    with connect(proxies) as line:
        assert echoed(line, b"after") == b"after"


def test_down_means_that_nobody_listens(proxies):
    with connect(proxies) as line:
        assert echoed(line, b"up") == b"up"
        proxies.spoil("p", toxic("down"))
        assert line.recv(10) == b""
    with pytest.raises(ConnectionError):
        connect(proxies)
    proxies.heal()
    with connect(proxies) as line:
        assert echoed(line, b"again") == b"again"


def test_reset_peer_tears_connections_down(proxies):
    with connect(proxies) as line:
        assert echoed(line, b"up") == b"up"
        proxies.spoil("p", toxic("reset_peer"))
        with pytest.raises(ConnectionResetError):
            line.recv(10)


def test_limit_data_ends_a_connection_that_said_too_much(proxies):
    proxies.spoil("p", Toxic("limit_data", stream="upstream", bytes=100))
    with connect(proxies) as line:
        assert echoed(line, b"y" * 50) == b"y" * 50
        line.sendall(b"y" * 100)
        assert line.recv(1000) == b""
