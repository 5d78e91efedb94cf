"""How the simulated outsiders call the services over HTTP: again and again until somebody answers."""

import asyncio
import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

PAUSE_SECONDS = (0.1, 2.0)
SERVER_ERROR = 500

log = logging.getLogger(__name__)


class Caller:
    """An HTTP client that outlives every outage. What the other side answers with a word below 500 is an answer."""

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(timeout=10, limits=httpx.Limits(max_connections=20))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def post(self, url: str, *, key: str, token: str = "", **body: Any) -> httpx.Response:
        """Post until it is answered. `key` makes sure that it counts once; `token` is shown where there is one."""
        shown = {"Authorization": f"Bearer {token}"} if token else {}
        return await self._until_answered("POST", url, headers={"Idempotency-Key": key, **shown}, **body)

    async def get(self, url: str, params: Mapping[str, str] | None = None) -> httpx.Response:
        """Get until it is answered."""
        return await self._until_answered("GET", url, params=params)

    async def _until_answered(self, method: str, url: str, **request: Any) -> httpx.Response:
        pause, most = PAUSE_SECONDS
        while True:
            try:
                response = await self._client.request(method, url, **request)
            except httpx.TransportError as error:
                log.info("%s %s: %s", method, url, error or type(error).__name__)
            else:
                if response.status_code < SERVER_ERROR:
                    return response
                log.info("%s %s: %d", method, url, response.status_code)
            await asyncio.sleep(pause)
            pause = min(pause * 2, most)
