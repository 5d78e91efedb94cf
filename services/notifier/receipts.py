"""Receipts on their way from a carrier to the notice: kept first, acknowledged then, applied once the notice is known.

A receipt may come before the outcome of its own submit is stored, on another worker, or twice. It waits in a table.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog
from prometheus_client import Counter, Gauge

from services.kit.database import is_outside
from services.kit.plug import Asked, Runtime, Said
from services.kit.service import Refused
from services.kit.states import Conflict
from services.notifier import domain, handlers, store_outgoing
from services.notifier.channels.receipt import Receipt
from services.notifier.domain import Borrower, Policy
from services.notifier.store_outgoing import Waiting

log = structlog.get_logger(__name__)
Running = Runtime[Borrower, Policy]

ROUND_SECONDS = 0.5
BATCH = 500
UNCLAIMED = timedelta(days=30)
"""A receipt for which no notice came in so many business days is nobody's; no receipt decides anything after 72 h."""

AGAIN_SECONDS = (0.5, 3600.0)
"""True seconds until a receipt that could not be applied is tried again, the first time and at most; twice as long
each time. The others do not wait for it."""

ASIDE = Gauge("arrears_notifier_receipts_aside", "Receipts that could not be applied, and are tried again later.")
RECEIPTS = Counter("arrears_notifier_receipts_total", "Receipts by what became of them.", ("result",))


class Inbox:
    """Keeps receipts in bulk, and applies those whose notice is on a partition of this worker."""

    def __init__(self, runtime: Running) -> None:
        self._runtime = runtime
        self._arrived: asyncio.Queue[tuple[Receipt, asyncio.Future[None]]] = asyncio.Queue()

    async def take(self, receipt: Receipt) -> None:
        """Keep a receipt. Returns once it is stored; raises when it could not be."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrived.put_nowait((receipt, stored))
        await stored

    async def run(self) -> None:
        """Keep and apply, for ever."""
        await asyncio.gather(self._keep(), self._apply())

    async def _keep(self) -> None:
        while True:
            batch = [await self._arrived.get()]
            while not self._arrived.empty() and len(batch) < BATCH:
                batch.append(self._arrived.get_nowait())
            try:
                await asyncio.to_thread(self._store, [receipt for receipt, _ in batch])
                error = None
            except Exception as failed:
                error = failed
            for _, stored in batch:
                if not stored.done():
                    stored.set_exception(error) if error else stored.set_result(None)

    def _store(self, receipts: Sequence[Receipt]) -> None:
        now = self._runtime.clock.now()
        rows = [
            {"reference": r.reference, "fate": r.fate, "detail": r.detail, "digest": r.digest, "received_at": now}
            for r in receipts
        ]
        with self._runtime.engine.begin() as db:
            store_outgoing.keep(db, rows)

    async def _apply(self) -> None:
        while True:
            try:
                applied = await asyncio.to_thread(self.apply)
            except Exception as error:
                log.warning("receipts_wait", reason=type(error).__name__)
                applied = 0
            await asyncio.sleep(0 if applied == BATCH else ROUND_SECONDS)

    def apply(self) -> int:
        """Apply what waits; answer how many."""
        owned = sorted(self._runtime.owned())
        with self._runtime.engine.begin() as db:
            found = store_outgoing.waiting(db, owned, BATCH)
            forgotten = store_outgoing.drop_older(db, self._runtime.clock.now() - UNCLAIMED)
            ASIDE.set(store_outgoing.count_aside(db))
        RECEIPTS.labels("nobody's").inc(forgotten)
        return self._settled(found) if found else 0

    def _settled(self, found: Sequence[Waiting]) -> int:
        """Apply these; answer how many it did."""
        answers = self._runtime.commands([_command(receipt) for receipt in found])
        together = zip(found, answers, strict=True)
        why = {receipt.reference: _why_not(receipt, answer) for receipt, answer in together}
        applied = [reference for reference, reason in why.items() if reason is None]
        with self._runtime.engine.begin() as db:
            if applied:
                store_outgoing.drop(db, applied)
            failed = {reference: reason for reference, reason in why.items() if reason is not None}
            store_outgoing.set_aside(db, failed, {r.reference: _pause(r.tries) for r in found})
            ASIDE.set(store_outgoing.count_aside(db))
        return len(applied)


def _command(receipt: Waiting) -> Asked[Borrower, Policy]:
    act = handlers.command(domain.receipt, receipt.contact_id, _outcome(receipt))
    return Asked(receipt.borrower_id, act, f"receipt/{receipt.reference}")


def _why_not(receipt: Waiting, answer: Said | Exception) -> str | None:
    """Why it could not be applied. Raises where that is not the receipt's fault: then all wait."""
    if isinstance(answer, Refused):
        log.info("receipt_waits", contact_id=receipt.contact_id, reason=str(answer))
        return store_outgoing.NOT_YET
    if isinstance(answer, Exception):
        if is_outside(answer) or isinstance(answer, Conflict):
            raise answer
        log.error("receipt_set_aside", contact_id=receipt.contact_id, tries=receipt.tries + 1, exc_info=answer)
        return f"{type(answer).__name__}: {answer}"
    RECEIPTS.labels(receipt.fate).inc()
    return None


def _pause(tries: int) -> float:
    first, most = AGAIN_SECONDS
    return min(first * 2.0 ** min(tries, 30), most)


def _outcome(receipt: Waiting) -> domain.Receipt:
    if receipt.fate == "delivered":
        return domain.Delivered(receipt.received_at, receipt.reference, receipt.digest)
    return domain.Failed(receipt.received_at, receipt.detail or "the carrier could not deliver it")
