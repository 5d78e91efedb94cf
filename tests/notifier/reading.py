"""A borrower who has been reminded, and the browser in which they open the page of their notice."""

from typing import Any

from httpx import ASGITransport, AsyncClient
from sqlalchemy import Engine

from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.notifier.api import api
from services.notifier.app import service
from tests.notifier.edge import MORNING, overdue, recorded, settings

CHINESE = {"accept-language": "zh-CN"}


def reminded(engine: Engine) -> Bench[Any, Any]:
    """Notifier knows B-1, whose loan is two days past due, and has allowed the reminder."""
    bench: Bench[Any, Any] = Bench(service(), engine, ManualClock(MORNING))
    bench.deliver(recorded(), overdue(days=2))
    while bench.tick_due():
        pass
    return bench


def reader(bench: Bench[Any, Any]) -> AsyncClient:
    """Someone who reads Chinese."""
    app = api(bench.runtime, settings=settings())
    return AsyncClient(transport=ASGITransport(app), base_url="https://lender.example", headers=CHINESE)
