"""What one case page shows beside its timeline: the case itself and where its loans stand."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from services.reporting.domain.positions import bucket
from services.reporting.store.view import View, rows


@dataclass(frozen=True, slots=True)
class LoanStanding:
    """One loan as it stands."""

    loan_id: str
    state: str
    bucket: str
    days_past_due: int
    principal: Decimal
    interest: Decimal
    fees: Decimal
    arrears: Decimal
    currency: str | None
    product: str | None


_LOANS = """
SELECT DISTINCT ON (loan_id) loan_id, state, oldest_due_on, principal, interest, fees, arrears,
    coalesce(currency, max(currency) OVER (PARTITION BY loan_id)) AS currency,
    coalesce(product, max(product) OVER (PARTITION BY loan_id)) AS product
FROM loan_positions WHERE loan_id = ANY(:loans) AND recorded_time <= :known AND valid_time <= :of
ORDER BY loan_id, valid_time DESC, recorded_time DESC, topic DESC, "offset" DESC
"""


def loans(db: Connection, view: View, loan_ids: list[str], zone: str) -> list[LoanStanding]:
    """Where these loans stand."""
    today = view.as_of.astimezone(ZoneInfo(zone)).date()
    return [
        LoanStanding(
            r.loan_id,
            r.state,
            bucket(_late(r.oldest_due_on, today)),
            _late(r.oldest_due_on, today),
            r.principal,
            r.interest,
            r.fees,
            r.arrears,
            r.currency,
            r.product,
        )
        for r in rows(db, view, _LOANS, loans=loan_ids)
    ]


def _late(oldest: date | None, today: date) -> int:
    return max((today - oldest).days, 1) if oldest else 0
