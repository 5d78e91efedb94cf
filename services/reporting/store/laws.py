"""The queries behind the conservation laws: how many things took which course, and where two accounts differ."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from services.reporting.domain.laws import (
    ANSWERED_WITHIN_DAYS,
    CONTACTS,
    FEES,
    LIVES,
    OBJECTIONS,
    OFFENDERS_MAX,
    PAYMENTS,
    SEQUENCES,
    Course,
    Law,
    Pair,
    Step,
    Total,
    balance,
    compare,
    fee,
    net,
)
from services.reporting.store.view import View, row, rows

NONE = Decimal(0)

_TYPES = sorted({t for life in LIVES for t in (life.begins, *life.again, *life.ends)} | {"case.stage_changed.v1"})

_COURSES = """
WITH thing AS (
    SELECT split_part(type, '.', 1) AS noun, subject_id AS id,
        array_agg(ARRAY[type, coalesce(label, '')] ORDER BY "offset") AS steps
    FROM facts WHERE type = ANY(:types) AND recorded_time <= :known GROUP BY 1, 2
)
SELECT noun, steps, count(*) AS number, (array_agg(id ORDER BY id))[1:CAST(:most AS int)] AS ids
FROM thing GROUP BY 1, 2 ORDER BY 1, 2
"""


def courses(db: Connection, view: View) -> list[Course]:
    """The courses of all cases, placements, promises, notices and visits. Each noun lives on one topic, in order."""
    found = rows(db, view, _COURSES, types=_TYPES, most=OFFENDERS_MAX)
    return [Course(r.noun, tuple(Step(*step) for step in r.steps), r.number, tuple(r.ids)) for r in found]


_PAYMENTS = """
WITH told AS (
    SELECT subject_id AS id, currency AS unit,
        coalesce(sum(amount) FILTER (WHERE type = 'loan.payment_received.v1'), 0)
        - coalesce(sum(amount) FILTER (WHERE type = 'loan.payment_reversed.v1'), 0) AS paid,
        count(*) FILTER (WHERE type = 'loan.payment_received.v1') > 1
        OR count(*) FILTER (WHERE type = 'loan.payment_reversed.v1') > 1 AS several,
        array_agg(CASE type WHEN 'loan.payment_received.v1' THEN amount ELSE -amount END ORDER BY "offset")
            FILTER (WHERE type <> 'payment.attributed.v1') AS steps,
        coalesce(sum(amount) FILTER (WHERE type = 'payment.attributed.v1'), 0) AS attributed,
        max(recorded_time) > :settled AS young
    FROM facts
    WHERE type IN ('loan.payment_received.v1', 'loan.payment_reversed.v1', 'payment.attributed.v1')
        AND recorded_time <= :known
    GROUP BY subject_id, loan_id, currency
)
"""
_PAID = (
    _PAYMENTS + "SELECT unit, coalesce(sum(paid) FILTER (WHERE NOT several), 0) AS paid, sum(attributed) AS attributed"
    " FROM told GROUP BY unit ORDER BY unit"
)
_UNPAID = _PAYMENTS + "SELECT * FROM told WHERE several OR paid <> attributed ORDER BY id, unit"


def payments(db: Connection, view: View) -> Law:
    """Every payment on every loan, less what was taken back of it, is attributed, to the cent."""
    found = rows(db, view, _UNPAID)
    odd = [Pair(r.id, r.unit, _left(r), r.attributed, r.young) for r in found]
    several = [(r.unit, net(r.steps)) for r in found if r.several]
    totals = [
        Total(r.unit, r.paid + sum((left for unit, left in several if unit == r.unit), Decimal(0)), r.attributed)
        for r in rows(db, view, _PAID)
    ]
    return compare(*PAYMENTS, totals, [pair for pair in odd if pair.left != pair.right])


def _left(told: Any) -> Decimal:
    left: Decimal = net(told.steps) if told.several else told.paid
    return left


_FEES = """
WITH term AS (
    SELECT DISTINCT ON (offered.subject_id) offered.subject_id AS placement_id, signed.amount AS basis_points
    FROM facts AS offered
        JOIN facts AS signed ON signed.type = 'mandate.signed.v1' AND signed.subject_id = offered.detail
    WHERE offered.type = 'placement.offered.v1' AND offered.recorded_time <= :known AND signed.recorded_time <= :known
    ORDER BY offered.subject_id, signed.recorded_time DESC, signed."offset" DESC
), charged AS (
    SELECT subject_id AS id, coalesce(loan_id, '') AS loan_id, placement_id, currency AS unit,
        max(detail)::int AS basis_points,
        sum(CASE type WHEN 'fee.accrued.v1' THEN amount ELSE -amount END) AS net
    FROM facts WHERE type IN ('fee.accrued.v1', 'fee.reversed.v1') AND recorded_time <= :known
    GROUP BY subject_id, loan_id, placement_id, currency
), credited AS (
    SELECT subject_id AS id, coalesce(loan_id, '') AS loan_id, currency AS unit, placement_id, sum(amount) AS amount
    FROM facts WHERE type = 'payment.attributed.v1' AND label = 'agency' AND recorded_time <= :known
    GROUP BY subject_id, loan_id, currency, placement_id
)
SELECT id, unit, coalesce(credited.amount, 0) AS amount, coalesce(charged.net, 0) AS net,
    coalesce(term.basis_points::int, charged.basis_points, 0) AS basis_points
FROM credited FULL JOIN charged USING (id, loan_id, placement_id, unit) LEFT JOIN term USING (placement_id)
"""


def fees(db: Connection, view: View) -> Law:
    """Each agency's fee is what its mandate says of each amount attributed to it, claw-backs included."""
    pairs = [
        Pair(r.id, r.unit, Decimal(r.net), fee(max(r.amount, Decimal(0)), r.basis_points))
        for r in rows(db, view, _FEES)
    ]
    units = sorted({pair.unit for pair in pairs})
    totals = [
        Total(
            u,
            sum((p.left for p in pairs if p.unit == u), Decimal(0)),
            sum((p.right for p in pairs if p.unit == u), Decimal(0)),
        )
        for u in units
    ]
    return compare(*FEES, totals, [pair for pair in pairs if pair.left != pair.right])


MADE = (
    "notice.sent.v1",
    "notice.failed.v1",
    "notice.unknown.v1",
    "visit.arrived.v1",
    "call.reported.v1",
    "contact.settled.v1",
)
"""Types that show that a contact was made, or tried; its decision stands under the same id."""
WITHDRAWN = ("contact.cancelled.v1", "visit.cancelled.v1", "visit.aborted.v1")

_CONTACTS = """
WITH contact AS (
    SELECT subject_id AS id, bool_or(type = 'contact.allowed.v1') AS allowed, bool_or(type = ANY(:made)) AS made,
        bool_or(type = ANY(:withdrawn)) AS withdrawn, max(recorded_time) > :settled AS young
    FROM facts WHERE (type = 'contact.allowed.v1' OR type = ANY(:made) OR type = ANY(:withdrawn))
        AND recorded_time <= :known
    GROUP BY subject_id
)
"""
_CONTACTS_MADE = (
    _CONTACTS
    + """
SELECT count(*) FILTER (WHERE allowed) AS allowed, count(*) FILTER (WHERE made) AS made,
    count(*) FILTER (WHERE allowed AND withdrawn AND NOT made) AS withdrawn,
    count(*) FILTER (WHERE allowed AND NOT withdrawn AND NOT made) AS pending
FROM contact"""
)
_CONTACTS_BLIND = _CONTACTS + "SELECT id, young FROM contact WHERE made AND NOT allowed ORDER BY id"


def contacts(db: Connection, view: View) -> Law:
    """No contact was made without a recorded decision that allowed it."""
    n = row(db, view, _CONTACTS_MADE, made=list(MADE), withdrawn=list(WITHDRAWN))
    blind = rows(db, view, _CONTACTS_BLIND, made=list(MADE), withdrawn=list(WITHDRAWN))
    total = Total("", Decimal(n.allowed), Decimal(n.made + n.withdrawn + n.pending))
    return compare(*CONTACTS, [total], [Pair(r.id, "", Decimal(0), Decimal(1), r.young) for r in blind])


_OBJECTIONS = """
SELECT subject_id AS id, count(*) FILTER (WHERE told) AS told, count(*) FILTER (WHERE NOT told) AS answered,
    max(recorded_time) > :settled AS young,
    min(recorded_time) < CAST(:known AS timestamptz) - make_interval(days => :days) AS old
FROM (SELECT subject_id, recorded_time, type IN ('dispute.raised.v1', 'hardship.declared.v1') AS told FROM facts
    WHERE type IN ('dispute.raised.v1', 'hardship.declared.v1', 'dispute.resolved.v1', 'hardship.granted.v1',
        'hardship.rejected.v1') AND recorded_time <= :known) AS said
GROUP BY subject_id ORDER BY subject_id
"""


def objections(db: Connection, view: View) -> Law:
    """Each dispute and each hardship is answered once, by its own id, and none waits for ever."""
    found = rows(db, view, _OBJECTIONS, days=ANSWERED_WITHIN_DAYS)
    told, answered = (Decimal(sum(getattr(r, side) for r in found)) for side in ("told", "answered"))
    waiting = Decimal(sum(r.told > r.answered and not r.old for r in found))
    odd = [r for r in found if r.answered > 1 or r.answered > r.told or (r.told > r.answered and r.old)]
    apart = [Pair(r.id, "", Decimal(r.told), Decimal(r.answered), r.young and not r.old) for r in odd]
    return compare(*OBJECTIONS, [Total("", told, answered + waiting)], apart)


_SEQUENCES = """
SELECT source, max(sequence) AS last, count(DISTINCT sequence) AS read FROM facts
WHERE sequence IS NOT NULL AND recorded_time <= :known GROUP BY source ORDER BY source
"""
_MISSING = """
SELECT source, after + 1 AS first, sequence - 1 AS last FROM (
    SELECT source, sequence, lag(sequence, 1, 0::bigint) OVER (PARTITION BY source ORDER BY sequence) AS after
    FROM facts WHERE source = ANY(:sources) AND sequence IS NOT NULL AND recorded_time <= :known
) AS read WHERE sequence > after + 1 ORDER BY 1, 2
"""
"""One row for each gap, however wide: the work grows with what was read, never with a number that a record names."""


def sequences(db: Connection, view: View) -> Law:
    """Every number that a source gave out was read. Offenders are gaps: `source#7`, or `source#7-9` for three."""
    found = rows(db, view, _SEQUENCES)
    short = [r.source for r in found if r.last != r.read]
    missing = rows(db, view, _MISSING, sources=short) if short else ()
    total = Total("", Decimal(sum(r.last for r in found)), Decimal(sum(r.read for r in found)))
    gaps = [Pair(f"{r.source}#{_span(r.first, r.last)}", "", Decimal(r.last - r.first + 1), NONE) for r in missing]
    return compare(*SEQUENCES, [total], gaps)


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def laws(db: Connection, view: View, taken: Sequence[Course] | None = None) -> list[Law]:
    """All laws, in their order. Pass `taken`, the courses, where they are at hand already."""
    known = courses(db, view) if taken is None else taken
    lives = [balance(life, known) for life in LIVES]
    return [*lives, payments(db, view), fees(db, view), contacts(db, view), objections(db, view), sequences(db, view)]
