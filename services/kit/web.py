"""The worker's door for people and machines: the service's own application, and health, metrics and version."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Literal, TypeAlias

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.kit.body import Application, Bounded, Receive, Scope, Send
from services.kit.origin import is_forged
from services.kit.problem import problem

OWN = ("/health/", "/metrics", "/version")
STOP_SECONDS = 2.0
Verdict: TypeAlias = Literal[
    "starting", "ready", "standby", "catching up", "halted", "stalled", "stopped", "database away", "broker away"
]
GOOD: frozenset[Verdict] = frozenset({"ready", "standby", "catching up", "halted"})
"""Halted: one partition stands still until a person decides; the others are worked on, and people are answered."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the worker is. `lag` counts records not yet applied on its partitions."""

    verdict: Verdict
    service: str
    doing: str = ""
    partitions: tuple[int, ...] = ()
    lag: int = 0
    stalled_seconds: float = 0.0
    halted: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether it does its work."""
        return self.verdict in GOOD


@dataclass(slots=True)
class Door:
    """An ASGI application that answers health from the first moment, and all else once the service stands behind it."""

    service: str
    health: Callable[[], Health]
    behind: Application | None = None
    own: FastAPI = field(init=False)

    def __post_init__(self) -> None:
        """Set up the kit's own pages."""
        self.own = _own_pages(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        path = str(scope.get("path", ""))
        if path.startswith(OWN):
            await self.own(scope, receive, send)
        elif self.behind is None:
            health = self.health()
            await problem(503, f"{self.service} is {health.verdict}: {health.doing}")(scope, receive, send)
        elif is_forged(scope):
            await problem(403, "a page of another site asked for this change; it was not made")(scope, receive, send)
        else:
            await Bounded(self.behind)(scope, receive, send)


def _own_pages(door: Door) -> FastAPI:
    pages = FastAPI(title=f"Arrears {door.service}: health", openapi_url=None)

    @pages.get("/health/live")
    def live() -> Mapping[str, str]:
        return {"status": "live", "service": door.service}

    @pages.get("/health/ready")
    def ready() -> Response:
        health = door.health()
        return JSONResponse({"ready": health.ready, **asdict(health)}, 200 if health.ready else 503)

    @pages.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @pages.get("/version")
    def shown_version() -> Mapping[str, str]:
        return {"service": door.service, "version": _version()}

    return pages


def _version() -> str:
    try:
        return version("arrears")
    except PackageNotFoundError:
        return "unreleased"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError when the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(256)
    except OSError:
        sock.close()
        raise
    return sock


class WebThread:
    """Serves an application in a thread with an event loop of its own, so that a slow page stalls no rebalance."""

    def __init__(self, application: Application, sock: socket.socket) -> None:
        self._socket = sock
        configuration = uvicorn.Config(
            application, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(configuration)
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._socket.getsockname()[1])

    def start(self) -> "WebThread":
        """Begin to serve."""
        self._thread.start()
        return self

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._server.serve([self._socket]))

    def stop(self) -> None:
        """Finish the requests under way and close."""
        self._server.should_exit = True
        ends = time.monotonic() + STOP_SECONDS
        self._thread.join(max(0.0, ends - time.monotonic()))
        self._socket.close()
