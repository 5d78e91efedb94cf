"""The figures of the daily report of a day."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from services.reporting.domain.figures import PastDue
from services.reporting.store.portfolio import portfolio
from services.reporting.store.view import View, rows

PREFIX = "portfolio-"
UNKNOWN = "unknown"
"""Stands where a currency would: of these loans no fact has named one yet."""
SAID = "least(valid_time, recorded_time)"
"""When a fact counts: at the time it names, but no later than the broker took it."""

_MONEY = f"""
SELECT type, currency, count(*) AS number, sum(amount) AS amount FROM facts
WHERE type IN ('loan.payment_received.v1', 'loan.payment_reversed.v1')
    AND recorded_time <= :known AND {SAID} <= :of AND {SAID} > :since GROUP BY 1, 2 ORDER BY 1, 2
"""
_CASES = f"""
SELECT type, coalesce(CASE type WHEN 'case.closed.v1' THEN label END, '') AS word, count(*) AS number FROM facts
WHERE type IN ('case.opened.v1', 'case.reopened.v1', 'case.closed.v1')
    AND recorded_time <= :known AND {SAID} <= :of AND {SAID} > :since GROUP BY 1, 2 ORDER BY 1, 2
"""


def daily(db: Connection, view: View, zone: str, since: datetime) -> dict[str, Any]:
    """What stood at the end of the day, and what happened in it, as known now. Amounts as strings.

    What stood is of the currency in which most is past due; `others` has the rest, currency by currency.
    """
    standing = portfolio(db, view, zone)
    return {
        "currency": standing.currency,
        "at_risk": f"{standing.at_risk:f}",
        "outstanding_at_risk": f"{standing.outstanding_at_risk:f}",
        "loans_overdue": standing.loans_overdue,
        "borrowers_overdue": standing.borrowers_overdue,
        "arrears": {band.bucket: f"{band.arrears:f}" for band in standing.overdue},
        "others": {other.currency or UNKNOWN: _other(other) for other in standing.others},
        "payments": {f"{_short(r.type)} {r.currency}": f"{r.amount:f}" for r in rows(db, view, _MONEY, since=since)},
        "cases": {f"{_short(r.type)} {r.word}".strip(): r.number for r in rows(db, view, _CASES, since=since)},
    }


def _other(past_due: PastDue) -> dict[str, Any]:
    return {
        "at_risk": f"{past_due.arrears:f}",
        "loans_overdue": past_due.loans,
        "borrowers_overdue": past_due.borrowers,
    }


def _short(type_: str) -> str:
    return type_.split(".")[1]


def name_of(day: date) -> str:
    """The report of a day."""
    return f"{PREFIX}{day.isoformat()}"


def last_day(db: Connection) -> date | None:
    """The latest day that has a report."""
    last = db.scalar(text("SELECT max(report) FROM reports_said WHERE starts_with(report, :p)"), {"p": PREFIX})
    return date.fromisoformat(last.removeprefix(PREFIX)) if last else None


def first_day(db: Connection, zone: str) -> date | None:
    """The day of the earliest position known."""
    sql = text("SELECT (min(valid_time) AT TIME ZONE :zone)::date FROM loan_positions")
    found: date | None = db.scalar(sql, {"zone": zone})
    return found
