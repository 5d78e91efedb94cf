"""The step that all contenders do: read that a loan is overdue, keep a state per loan, say one event for each.

Imports nothing but `schemas` and the standard library, so that every peer can use it from an environment of its own.
Never import it into a test: it adds two kinds to the language, which only the processes of the benchmark may know.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from schemas.bank import LoanOverdue
from schemas.envelope import Event, Fact, read_structured
from schemas.topics import Topic
from schemas.values import Amount, Id, Instant

STAMPED = Topic("bench.loans.v1", "assignment", (), stream="bench-in")
"""Owned by a service, so that repeats are known by the gapless sequence of its source, as on all `collections.*`."""

SAID = Topic(os.environ.get("BENCH_SAID", "bench.steps.v1"), os.environ.get("BENCH_SERVICE", "bench"), ())


class StampedOverdue(LoanOverdue, type="bench.overdue.v1", topic=STAMPED):
    """`loan.overdue.v1` word for word, as a service would say it."""


class Stepped(Fact, type="bench.stepped.v1", topic=SAID):
    """What the step says: how the loan stands, counted over all that was heard of it."""

    loan_id: Id
    borrower_id: Id
    times: int
    days_past_due: int
    overdue: Amount
    worst: Amount
    region: str
    heard_at: Instant


@dataclass(frozen=True, slots=True)
class Loan:
    """The state of one loan; every borrower of the benchmark has one."""

    loan_id: str = ""
    times: int = 0
    days_past_due: int = 0
    overdue: Decimal = Decimal("0.00")
    worst: Decimal = Decimal("0.00")
    region: str = ""
    heard_at: datetime | None = None


def step(loan: Loan, fact: LoanOverdue, now: datetime) -> tuple[Loan, Stepped]:
    """The decision: the next state and what to say."""
    arrears = fact.arrears
    overdue = arrears.principal + arrears.interest + arrears.fees
    after = Loan(
        loan_id=fact.loan_id,
        times=loan.times + 1,
        days_past_due=fact.days_past_due,
        overdue=overdue,
        worst=max(loan.worst, overdue),
        region=fact.region,
        heard_at=now,
    )
    return after, said(after, fact.borrower_id, now)


def said(loan: Loan, borrower_id: str, now: datetime) -> Stepped:
    """What is said of a state; valid as it is made of valid parts."""
    return Stepped.model_construct(
        loan_id=loan.loan_id,
        borrower_id=borrower_id,
        times=loan.times,
        days_past_due=loan.days_past_due,
        overdue=loan.overdue,
        worst=loan.worst,
        region=loan.region,
        heard_at=now,
    )


# -- for peers that keep states and messages in their own forms -------------------------------------------------------


def read(value: bytes) -> LoanOverdue:
    """The fact in a record value, validated against the contract as our own services do. Raises Unreadable."""
    fact = read_structured(value).data
    assert isinstance(fact, LoanOverdue)
    return fact


def envelope(fact: Stepped, cause: str, now: datetime) -> bytes:
    """The record value that says it, in CloudEvents structured mode."""
    return Event.saying(fact, id=f"{cause}-1", source="/peer", time=now, causationid=cause).to_json()


def to_plain(loan: Loan) -> dict[str, Any]:
    """The state as plain JSON types."""
    return {
        "loan_id": loan.loan_id,
        "times": loan.times,
        "days_past_due": loan.days_past_due,
        "overdue": str(loan.overdue),
        "worst": str(loan.worst),
        "region": loan.region,
        "heard_at": loan.heard_at.isoformat() if loan.heard_at else None,
    }


def from_plain(plain: Mapping[str, Any] | None) -> Loan:
    """The state from plain JSON types; a fresh one from nothing."""
    if not plain:
        return Loan()
    heard = plain["heard_at"]
    return Loan(
        loan_id=plain["loan_id"],
        times=plain["times"],
        days_past_due=plain["days_past_due"],
        overdue=Decimal(plain["overdue"]),
        worst=Decimal(plain["worst"]),
        region=plain["region"],
        heard_at=datetime.fromisoformat(heard) if heard else None,
    )
