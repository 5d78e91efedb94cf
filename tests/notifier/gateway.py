"""A gateway for robot calls and app messages, as a real HTTP server here: it keeps the contract, or breaks its line."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from tests.notifier.carriers import free_port

TOKEN = "gateway-token"


@dataclass
class GatewayPeer:
    """Acts on each key once. status: answers this instead. breaks, loses: cuts the line having taken it, or not."""

    port: int
    status: int = 0
    breaks: bool = False
    loses: bool = False
    dumb: bool = False
    """Does not say what it knows."""
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/gateway/"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; one that breaks off is none."""
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split(" ")
            fields = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head[1:] if line}
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            answer = self.take(fields, body) if method == "POST" else self.tell(path.rpartition("/")[2])
            if answer is None:
                writer.transport.abort()
                return
            status, said = answer
            content = json.dumps(said).encode()
            writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n".encode())
            writer.write(content)
            await writer.drain()

    def take(self, fields: dict[str, str], body: bytes) -> tuple[int, dict[str, str]] | None:
        key = fields["idempotency-key"]
        self.asked.append(key)
        if fields["authorization"] != f"Bearer {TOKEN}":
            return 401, {}
        if self.status:
            return self.status, {}
        if not self.loses:
            self.made.setdefault(key, json.loads(body))
        return None if self.breaks or self.loses else (202, {"reference": f"G-{key}"})

    def tell(self, key: str) -> tuple[int, dict[str, str]] | None:
        if self.dumb:
            return None
        return (200, {"reference": f"G-{key}"}) if key in self.made else (404, {})


@contextlib.asynccontextmanager
async def gateway_peer(port: int = 0, **how: Any) -> AsyncIterator[GatewayPeer]:
    """A running gateway."""
    peer = GatewayPeer(port or free_port(), **how)
    async with await asyncio.start_server(peer.serve, "127.0.0.1", peer.port):
        yield peer
