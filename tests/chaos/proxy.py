"""A TCP proxy that spoils connections on purpose, with the words of Toxiproxy for what it does.

    proxy = Proxy("notifier-broker", listen=19000, target=("127.0.0.1", 9092))
    with Proxies([proxy]) as proxies:
        proxies.spoil("notifier-broker", Toxic("latency", latency=0.1, jitter=0.05))
        proxies.heal("notifier-broker")

latency: data comes later. bandwidth: no more than `rate` kB/s. slicer: data comes in small pieces. slow_close: the end
of a connection comes later. timeout: nothing passes, and the connection is closed after `timeout` (0: never).
reset_peer: connections are torn down with a TCP reset. limit_data: closed after `bytes`. down: nobody listens.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal, TypeVar

Kind = Literal["latency", "bandwidth", "slicer", "slow_close", "timeout", "reset_peer", "limit_data", "down"]
Stream = Literal["upstream", "downstream", "both"]
CHUNK_BYTES = 65536
START_SECONDS = 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Toxic:
    """What is done to connections. Seconds, kB per second, bytes. `stream`: towards the server, from it, or both."""

    kind: Kind
    stream: Stream = "both"
    latency: float = 0.0
    jitter: float = 0.0
    rate: float = 64.0
    size: int = 64
    delay: float = 0.0
    timeout: float = 0.0
    bytes: int = 0

    def meets(self, stream: str) -> bool:
        """Whether it acts on this direction."""
        return self.stream in ("both", stream)


def toxic(kind: str) -> Toxic:
    """A toxic of this kind with values that hurt but let something through where the kind allows it."""
    made = {
        "latency": Toxic("latency", latency=0.08, jitter=0.04),
        "bandwidth": Toxic("bandwidth", rate=200.0),
        "slicer": Toxic("slicer", size=256, delay=0.001),
        "slow_close": Toxic("slow_close", delay=1.0),
        "timeout": Toxic("timeout"),
        "reset_peer": Toxic("reset_peer"),
        "limit_data": Toxic("limit_data", bytes=4096),
        "down": Toxic("down"),
    }
    return made[kind]


@dataclass(slots=True)
class Proxy:
    """One listening port before one server. Counts what was done to connections."""

    name: str
    listen: int
    target: tuple[str, int]
    host: str = "127.0.0.1"
    toxics: list[Toxic] = field(default_factory=list)
    opened: int = 0
    cut: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        """Listen."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, self.host, self.listen)

    async def stop(self) -> None:
        """Listen no more and cut what is open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut(reset=False)

    async def spoil(self, toxic: Toxic) -> None:
        """Add a toxic; it acts on open connections too."""
        self.toxics.append(toxic)
        if toxic.kind == "down":
            await self.stop()
        elif toxic.kind == "reset_peer":
            await self._cut(reset=True)

    async def heal(self) -> None:
        """Take all toxics away. Connections that were being held fall: what they hold back may be half a message."""
        held = any(toxic.kind == "timeout" for toxic in self.toxics)
        self.toxics.clear()
        if held:
            await self._cut(reset=False)
        await self.start()

    async def _cut(self, *, reset: bool) -> None:
        for writer in list(self._writers):
            self.cut += 1
            if reset:
                _reset_on_close(writer)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        if any(toxic.kind == "reset_peer" for toxic in self.toxics):
            _reset_on_close(writer)
            return writer.close()
        try:
            there, back = await asyncio.open_connection(*self.target)
        except OSError:
            return writer.close()
        self._writers |= {writer, back}
        pumps = (self._pump(reader, back, "upstream"), self._pump(there, writer, "downstream"))
        try:
            await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            self._writers -= {writer, back}
            for end in (writer, back):
                end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stream: str) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                passed += len(data)
                if not await self._pass(data, writer, stream, passed):
                    break
            await self._closing(stream)
        with contextlib.suppress(OSError):
            writer.close()

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter, stream: str, passed: int) -> bool:
        """Hand data on as the toxics want it; answer whether the connection may live."""
        pieces, pause = [data], 0.0
        for toxic in [t for t in self.toxics if t.meets(stream)]:
            if toxic.kind == "timeout":
                return await self._held(toxic)
            if toxic.kind == "limit_data" and passed > toxic.bytes:
                return False
            if toxic.kind == "latency":
                await asyncio.sleep(max(0.0, toxic.latency + random.uniform(-toxic.jitter, toxic.jitter)))
            elif toxic.kind == "bandwidth":
                await asyncio.sleep(len(data) / (toxic.rate * 1000))
            elif toxic.kind == "slicer":
                pieces, pause = [data[n : n + toxic.size] for n in range(0, len(data), toxic.size)], toxic.delay
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if pause:
                await asyncio.sleep(pause)
        return True

    async def _held(self, toxic: Toxic) -> bool:
        """Nothing passes any more on this connection; it ends with its time, or when the proxy is healed."""
        while toxic in self.toxics:
            await asyncio.sleep(toxic.timeout or 0.05)
            if toxic.timeout:
                break
        return False

    async def _closing(self, stream: str) -> None:
        for toxic in self.toxics:
            if toxic.kind == "slow_close" and toxic.meets(stream):
                await asyncio.sleep(toxic.delay)


def _reset_on_close(writer: asyncio.StreamWriter) -> None:
    """With no time to linger the kernel sends a reset instead of an orderly end."""
    found = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _end_the_rest() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Proxies:
    """Several proxies on an event loop in a thread of its own; to be called from any other thread."""

    def __init__(self, proxies: Iterable[Proxy]) -> None:
        self.by_name = {proxy.name: proxy for proxy in proxies}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)

    def __enter__(self) -> "Proxies":
        self._thread.start()
        for proxy in self.by_name.values():
            self._call(proxy.start)
        return self

    def __exit__(self, *_: object) -> None:
        for proxy in self.by_name.values():
            self._call(proxy.stop)
        self._call(_end_the_rest)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()

    def spoil(self, name: str, toxic: Toxic) -> None:
        """Spoil the connections of one proxy."""
        self._call(lambda: self.by_name[name].spoil(toxic))

    def heal(self, *names: str) -> None:
        """Heal these proxies, or all."""
        for name in names or tuple(self.by_name):
            self._call(self.by_name[name].heal)

    def _call(self, work: Callable[[], Awaitable[T]]) -> T:
        async def run() -> T:
            return await work()

        done: Future[T] = asyncio.run_coroutine_threadsafe(run(), self._loop)
        return done.result(START_SECONDS)
