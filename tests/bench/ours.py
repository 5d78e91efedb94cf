"""The step as a service of the kit: `python -m tests.bench.ours`. `BENCH_INPUT` is `stamped` or `intake`."""

import os
from datetime import datetime
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Connection, MetaData

from schemas.bank import LoanOverdue
from schemas.topics import LOANS
from services.kit.plug import Plug, Runtime
from services.kit.run import run
from services.kit.service import Context, Reaction, Service
from services.kit.settings import Settings
from tests.bench.job import SAID, STAMPED, Loan, StampedOverdue, step


def on_overdue(loan: Loan, fact: LoanOverdue, context: Context[Any]) -> Reaction[Loan]:
    after, event = step(loan, fact, context.now)
    return after, (event,)


def tick(loan: Loan, _context: Context[Any]) -> Reaction[Loan]:
    return loan, ()


def next_at(_loan: Loan) -> datetime | None:
    return None


def fresh(_borrower_id: str) -> Loan:
    return Loan()


def reference(_db: Connection, _partition: int, _now: datetime) -> None:
    return None


def api(_runtime: Runtime[Loan, None]) -> FastAPI:
    return FastAPI()


def plug(_settings: Settings) -> Plug[Loan, None]:
    intake = os.environ.get("BENCH_INPUT") == "intake"
    service: Service[Loan, None] = Service(
        name=SAID.owner,
        reads=(LOANS,) if intake else (STAMPED,),
        state=Loan,
        fresh=fresh,
        handlers={LoanOverdue: on_overdue, StampedOverdue: on_overdue},
        tick=tick,
        next_at=next_at,
        reference=reference,
        metadata=MetaData(),
    )
    return Plug(service=service, api=api)


if __name__ == "__main__":
    run(plug, Settings)
