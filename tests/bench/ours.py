"""The step as a service of the kit: `python -m tests.bench.ours`.

`BENCH_INPUT` is `stamped` or `intake`. `BENCH_PARTS` adds parts to the step or takes them away, to see what each costs:
`projection`, `timers`, `no-stamps`, `no-parking`.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Column, Connection, Integer, MetaData, Numeric, Table, Text

from schemas.bank import LoanOverdue
from schemas.envelope import Event, Fact
from schemas.topics import LOANS
from services.kit import letters, repeats
from services.kit.database import engine_for
from services.kit.plug import Plug, Runtime
from services.kit.records import Item
from services.kit.repeats import Sifted
from services.kit.run import run
from services.kit.service import Context, Put, Reaction, Service, Write
from services.kit.settings import Settings
from services.kit.writes import Raw
from tests.bench.job import SAID, STAMPED, Loan, StampedOverdue, Stepped, step

PARTS = frozenset(os.environ.get("BENCH_PARTS", "").split(","))
metadata = MetaData()
loans = Table(
    "loans",
    metadata,
    Column("loan_id", Text, primary_key=True),
    Column("times", Integer, nullable=False),
    Column("overdue", Numeric, nullable=False),
)


def on_overdue(loan: Loan, fact: LoanOverdue, context: Context[Any]) -> Reaction[Loan]:
    after, event = step(loan, fact, context.now)
    return after, (event,)


def tick(loan: Loan, _context: Context[Any]) -> Reaction[Loan]:
    return loan, ()


def next_at(loan: Loan) -> datetime | None:
    return loan.heard_at + timedelta(days=1) if "timers" in PARTS and loan.heard_at else None


def project(event: Event[Fact]) -> Sequence[Write]:
    fact = event.data
    assert isinstance(fact, Stepped)
    return (Put(loans, {"loan_id": fact.loan_id, "times": fact.times, "overdue": fact.overdue}),)


def nothing(_event: Event[Fact]) -> Sequence[Write]:
    return ()


def fresh(_borrower_id: str) -> Loan:
    return Loan()


def reference(_db: Connection, partitions: Sequence[int], _now: datetime) -> Mapping[int, None]:
    return dict.fromkeys(partitions)


def api(_runtime: Runtime[Loan, None]) -> FastAPI:
    return FastAPI()


def unsifted(raw: Raw, items: Sequence[Item], sifted: Sifted) -> list[Item]:
    return list(items)


def nobody_waits(raw: Raw) -> set[str]:
    return set()


def take_away() -> None:
    """Let the kit do less than it promises: only here, and only to see what the rest costs."""
    if "no-stamps" in PARTS:
        repeats.sift = unsifted
    if "no-parking" in PARTS:
        letters.all_waiting = nobody_waits


def plug(settings: Settings) -> Plug[Loan, None]:
    intake = os.environ.get("BENCH_INPUT") == "intake"
    take_away()
    service: Service[Loan, None] = Service(
        name=SAID.owner,
        reads=(LOANS,) if intake else (STAMPED,),
        state=Loan,
        fresh=fresh,
        handlers={LoanOverdue: on_overdue, StampedOverdue: on_overdue},
        tick=tick,
        next_at=next_at,
        reference=reference,
        metadata=metadata,
        project=project if "projection" in PARTS else nothing,
    )
    if "projection" in PARTS:
        make_tables(settings)
    return Plug(service=service, api=api)


def make_tables(settings: Settings) -> None:
    engine = engine_for(settings.database_url.get_secret_value(), SAID.owner, pool=1)
    with engine.begin() as db:
        db.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{SAID.owner}"')
    metadata.create_all(engine)
    engine.dispose()


if __name__ == "__main__":
    run(plug, Settings)
