"""One receipt that cannot be applied holds up no other, is shown to ops, and is tried again later and later."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from prometheus_client import REGISTRY
from sqlalchemy import Engine, text

from schemas.contacts import NoticeDelivered
from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.notifier import domain, handlers, store_outgoing
from services.notifier.api import api
from services.notifier.app import service
from services.notifier.receipts import AGAIN_SECONDS, Inbox, _pause
from tests.notifier.edge import MORNING, overdue, recorded, settings

pytestmark = pytest.mark.stack


@pytest.fixture
def bench(engine: Engine) -> Bench[Any, Any]:
    return Bench(service(), engine, ManualClock(MORNING))


def submitted(bench: Bench[Any, Any], *borrowers: str) -> None:
    """Borrowers to whom a notice went out, each with a receipt that waits for being applied, in this order."""
    bench.deliver(*(recorded(b) for b in borrowers))
    bench.deliver(*(overdue(b) for b in borrowers))
    while bench.tick_due():
        pass
    for number, borrower in enumerate(borrowers):
        contact_id, reference = f"N-{borrower}-1", f"ref-{borrower}"
        bench.command(borrower, handlers.command(domain.claimed, contact_id))
        taken = domain.Accepted(reference, MORNING, "v2", "1" * 64, "reminder", "zh-CN")
        bench.command(borrower, handlers.command(domain.submitted, contact_id, taken))
        with bench.engine.begin() as db:
            row = {"reference": reference, "fate": "delivered", "detail": "", "digest": "1" * 64}
            store_outgoing.keep(db, [row | {"received_at": MORNING + timedelta(seconds=number)}])


def delivered(bench: Bench[Any, Any]) -> list[str]:
    return sorted(fact.borrower_id for fact in bench.said_of(NoticeDelivered))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The domain cannot digest a receipt of B-1; call it to mend that."""
    right = domain.receipt

    def receipt(state: Any, contact_id: str, *given: Any) -> Any:
        if contact_id == "N-B-1-1":
            raise ValueError("a proof id that is too long")
        return right(state, contact_id, *given)

    monkeypatch.setattr(domain, "receipt", receipt)
    return lambda: monkeypatch.setattr(domain, "receipt", right)


@pytest.mark.usefixtures("broken")
async def test_a_receipt_that_cannot_be_applied_is_set_aside_and_the_others_go_on(bench: Bench[Any, Any]) -> None:
    submitted(bench, "B-1", "B-2", "B-3")
    inbox = Inbox(bench.runtime)
    assert inbox.apply() == 2
    assert delivered(bench) == ["B-2", "B-3"]
    assert REGISTRY.get_sample_value("arrears_notifier_receipts_aside") == 1
    own = api(bench.runtime, settings=settings())
    async with AsyncClient(transport=ASGITransport(own), base_url="https://n") as client:
        (shown,) = (await client.get("/receipts/aside")).json()
    assert (shown["contact_id"], shown["tries"]) == ("N-B-1-1", 1)
    assert shown["reason"] == "ValueError: a proof id that is too long"
    assert "again_at" in shown


def test_it_is_not_tried_again_before_its_time_and_applied_once_it_can_be(
    bench: Bench[Any, Any], broken: Callable[[], None]
) -> None:
    submitted(bench, "B-1")
    inbox = Inbox(bench.runtime)
    inbox.apply()
    broken()
    assert inbox.apply() == 0
    assert delivered(bench) == []
    with bench.engine.begin() as db:
        db.execute(text("UPDATE receipts SET again_at = now()"))
    assert inbox.apply() == 1
    assert delivered(bench) == ["B-1"]
    inbox.apply()
    assert REGISTRY.get_sample_value("arrears_notifier_receipts_aside") == 0


@pytest.mark.usefixtures("broken")
def test_more_of_them_than_are_looked_at_together_hold_up_nobody(
    bench: Bench[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifier.receipts.BATCH", 1)
    submitted(bench, "B-1", "B-2")
    inbox = Inbox(bench.runtime)
    assert [inbox.apply(), inbox.apply()] == [0, 1]
    assert delivered(bench) == ["B-2"]


def test_the_pause_grows_up_to_an_hour() -> None:
    pauses = [_pause(tries) for tries in range(200)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == AGAIN_SECONDS
