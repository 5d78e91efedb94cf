"""Visits on a real database, driven by hand, with its pages."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy import Engine

from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.visits.api import create_api
from services.visits.app import service
from services.visits.domain.panel import Panel
from services.visits.domain.state import Borrower
from tests.visits.building import NOON
from tests.visits.story import KEY

VisitsBench = Bench[Borrower, Panel]


@pytest.fixture
def engine(migrated: Callable[[str], Engine]) -> Engine:
    return migrated("visits")


@pytest.fixture
def bench(engine: Engine) -> VisitsBench:
    return Bench(service(KEY), engine, ManualClock(NOON))


class Client:
    """Asks the API as a program would, one request at a time."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def get(self, address: str, **more: Any) -> Response:
        return self._ask("GET", address, **more)

    def post(self, address: str, **more: Any) -> Response:
        return self._ask("POST", address, **more)

    def _ask(self, method: str, address: str, **more: Any) -> Response:
        async def ask() -> Response:
            async with AsyncClient(transport=ASGITransport(self._app), base_url="http://visits") as client:
                return await client.request(method, address, **more)

        return asyncio.run(ask())


@pytest.fixture
def client(bench: VisitsBench) -> Client:
    return Client(create_api(bench.runtime))
