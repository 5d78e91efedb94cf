"""The whole state of affairs in a few counts: what was said, how everything fared, money, laws, freshness."""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import Connection

from schemas.envelope import Fact
from services.reporting.domain.laws import Course, Law
from services.reporting.domain.summary import Latency, Money, Summary, outcomes
from services.reporting.store.laws import courses, laws
from services.reporting.store.stops import wrongful
from services.reporting.store.view import View, row, rows

BANK = [type_ for type_, fact in Fact.KINDS.items() if fact.TOPIC.owner == "bank"]

_TYPES = "SELECT type, count(*) AS number FROM facts WHERE recorded_time <= :known GROUP BY type ORDER BY type"
_PEOPLE = """
SELECT count(DISTINCT loan_id) AS loans, count(DISTINCT borrower_id) AS borrowers
FROM facts WHERE type = ANY(:bank) AND recorded_time <= :known
"""
_MONEY = """
SELECT currency, label, sum(amount) AS amount FROM facts
WHERE type = 'payment.attributed.v1' AND recorded_time <= :known GROUP BY 1, 2
"""
_PAID = """
SELECT currency, sum(paid) AS paid FROM (
    SELECT currency, subject_id, coalesce(max(amount) FILTER (WHERE type = 'loan.payment_received.v1'), 0)
        - coalesce(max(amount) FILTER (WHERE type = 'loan.payment_reversed.v1'), 0) AS paid
    FROM facts WHERE type IN ('loan.payment_received.v1', 'loan.payment_reversed.v1') AND recorded_time <= :known
    GROUP BY currency, subject_id
) AS payment GROUP BY currency ORDER BY sum(paid) DESC, currency
"""


def type_counts(db: Connection, view: View) -> dict[str, int]:
    """How many facts of each type are known."""
    return {r.type: r.number for r in rows(db, view, _TYPES)}


def money(db: Connection, view: View) -> list[Money]:
    """Paid, attributed and unattributed money by currency, the largest first."""
    found = {(r.currency, r.label): r.amount for r in rows(db, view, _MONEY)}
    none = Decimal("0.00")
    return [
        Money(
            r.currency,
            r.paid,
            found.get((r.currency, "agency"), none),
            found.get((r.currency, "in_house"), none),
            found.get((r.currency, "unattributed"), none),
        )
        for r in rows(db, view, _PAID)
    ]


_NOTICE_SECONDS = """
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY wait) AS p50,
    percentile_disc(0.99) WITHIN GROUP (ORDER BY wait) AS p99,
    count(*) AS number
FROM (
    SELECT sent.at - overdue.recorded_time AS wait
    FROM facts AS allowed
    JOIN facts AS overdue ON overdue.event_id = allowed.causation_id AND overdue.type = 'loan.overdue.v1'
    JOIN facts AS sent ON sent.subject_id = allowed.subject_id AND sent.type = 'notice.sent.v1'
    WHERE allowed.type = 'contact.allowed.v1' AND allowed.at <= allowed.valid_time
        AND allowed.recorded_time <= :known AND overdue.recorded_time <= :known AND sent.recorded_time <= :known
) AS notice
"""
_RECALL_SECONDS = """
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY wait) AS p50,
    percentile_disc(0.99) WITHIN GROUP (ORDER BY wait) AS p99,
    count(*) AS number
FROM (
    SELECT recalled.recorded_time - cure.recorded_time AS wait
    FROM facts AS recalled JOIN facts AS cure ON cure.event_id = recalled.causation_id
        AND cure.type IN ('loan.payment_received.v1', 'loan.cured.v1', 'loan.closed.v1')
    WHERE recalled.type = 'placement.recalled.v1' AND recalled.label IN ('cured', 'closed')
        AND recalled.recorded_time <= :known AND cure.recorded_time <= :known
) AS recall
"""


def overdue_to_notice(db: Connection, view: View) -> Latency:
    """From the broker taking `loan.overdue` to a carrier taking the notice which that very fact caused.

    Notices that had to wait for lawful hours are left out: their wait is the rule book's, not ours.
    """
    return _latency(db, view, _NOTICE_SECONDS)


def cure_to_recall(db: Connection, view: View) -> Latency:
    """From the broker taking the curing fact to the broker taking the recall which it caused."""
    return _latency(db, view, _RECALL_SECONDS)


def _latency(db: Connection, view: View, sql: str) -> Latency:
    r = row(db, view, sql)
    if not r.number:
        return Latency(None, None, 0)
    p50, p99 = (round(wait.total_seconds() * view.scale, 3) for wait in (r.p50, r.p99))
    return Latency(p50, p99, r.number)


def summary(db: Connection, view: View, dead_letters: int) -> Summary:
    """Everything at once, each figure from the facts known then."""
    taken = courses(db, view)
    return assemble(db, view, taken, laws(db, view, taken), dead_letters)


def assemble(db: Connection, view: View, taken: Sequence[Course], judged: Sequence[Law], dead_letters: int) -> Summary:
    """The summary, with courses and laws at hand already."""
    people = row(db, view, _PEOPLE, bank=BANK)
    return Summary(
        loans=people.loans,
        borrowers=people.borrowers,
        types=type_counts(db, view),
        outcomes=outcomes(taken),
        money=money(db, view),
        laws=judged,
        wrongful_contacts=len(wrongful(db, view)),
        dead_letters=dead_letters,
        overdue_to_notice=overdue_to_notice(db, view),
        cure_to_recall=cure_to_recall(db, view),
    )
