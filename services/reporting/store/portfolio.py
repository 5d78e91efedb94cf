"""Queries on where loans stand: by bucket at an instant, day by day, and from one day to another."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from services.reporting.domain.figures import NOTHING, Band, Move, PastDue, Portfolio, RiskDay
from services.reporting.domain.positions import BUCKET_DAYS, BUCKETS
from services.reporting.store.view import View, rows

BUCKET_SQL = (
    "(ARRAY['M0', 'M1', 'M2', 'M3', 'M4'])[1 + width_bucket(greatest({day} - oldest_due_on, 1), ARRAY[1, 31, 61, 91])]"
)
assert BUCKET_DAYS == (1, 31, 61, 91)

LOANS = """
WITH RECURSIVE loan(id) AS (
    (SELECT loan_id FROM loan_positions ORDER BY loan_id LIMIT 1)
    UNION ALL
    SELECT (SELECT loan_id FROM loan_positions WHERE loan_id > loan.id ORDER BY loan_id LIMIT 1)
    FROM loan WHERE loan.id IS NOT NULL
)"""
"""Every loan once, by skipping through the index instead of reading all positions."""

STANDING = """
SELECT * FROM loan_positions
WHERE loan_id = loan.id AND valid_time <= {of} AND recorded_time <= :known
ORDER BY valid_time DESC, recorded_time DESC, topic DESC, "offset" DESC LIMIT 1"""
"""The last position of a loan as of an instant, as known then."""

CURRENCY = """coalesce(currency, (
    SELECT currency FROM loan_positions WHERE loan_id = loan.id AND currency IS NOT NULL AND recorded_time <= :known
    ORDER BY valid_time DESC, recorded_time DESC, topic DESC, "offset" DESC LIMIT 1))"""
"""Its currency, where any fact known then has named one; a snapshot names none."""

OUTSTANDING = """coalesce(standing.outstanding, (
    SELECT outstanding FROM loan_positions WHERE loan_id = loan.id AND valid_time <= :of AND recorded_time <= :known
        AND outstanding IS NOT NULL ORDER BY valid_time DESC, recorded_time DESC LIMIT 1), 0)"""

_PORTFOLIO = (
    LOANS
    + f""", stood AS (
    SELECT CASE state WHEN 'overdue' THEN {BUCKET_SQL.format(day="CAST(:day AS date)")} ELSE 'M0' END AS bucket, state,
        {CURRENCY} AS money,
        borrower_id, arrears, {OUTSTANDING} AS outstanding
    FROM loan CROSS JOIN LATERAL ({STANDING.format(of=":of")}) AS standing
)
SELECT bucket, state, money, count(*) AS loans, count(DISTINCT borrower_id) AS borrowers, sum(arrears) AS arrears,
    sum(outstanding) AS outstanding, grouping(bucket) AS whole
FROM stood GROUP BY GROUPING SETS ((bucket, state, money), (state, money)) ORDER BY whole, bucket, state, money"""
)


def portfolio(db: Connection, view: View, zone: str) -> Portfolio:
    """Where all loans stand."""
    today = view.as_of.astimezone(ZoneInfo(zone)).date()
    found = rows(db, view, _PORTFOLIO, day=today)
    bands = [
        Band(r.bucket, r.state, r.money, r.loans, r.borrowers, r.arrears, r.outstanding) for r in found if not r.whole
    ]
    past_due = [
        PastDue(r.money, r.loans, r.borrowers, r.arrears, r.outstanding)
        for r in found
        if r.whole and r.state == "overdue"
    ]
    return Portfolio(tuple(bands), tuple(past_due))


_RISK = """
WITH step AS (
    SELECT loan_id, max(currency) OVER (PARTITION BY loan_id) AS money, valid_time, recorded_time, topic, "offset",
        arrears, oldest_due_on,
        (valid_time AT TIME ZONE :zone)::date AS since,
        lag(arrears, 1, 0) OVER one AS arrears_before, lag(oldest_due_on) OVER one AS due_before
    FROM loan_positions WHERE recorded_time <= :known
    WINDOW one AS (PARTITION BY loan_id ORDER BY valid_time, recorded_time, topic, "offset")
), changed AS (
    SELECT arrears, oldest_due_on, since,
        lead(since, 1, 'infinity') OVER (
            PARTITION BY loan_id ORDER BY valid_time, recorded_time, topic, "offset"
        ) AS until
    FROM step WHERE money IS NOT DISTINCT FROM CAST(:currency AS text) AND valid_time <= :of
        AND (arrears <> arrears_before OR due_before IS DISTINCT FROM oldest_due_on)
), piece AS (
    SELECT bucket, arrears,
        greatest(since, oldest_due_on + first) AS enters, least(until, oldest_due_on + next) AS leaves
    FROM changed, unnest(
        ARRAY['M1', 'M2', 'M3', 'M4'], ARRAY[-100000, 31, 61, 91], ARRAY[31, 61, 91, 1000000]
    ) AS band(bucket, first, next)
    WHERE arrears > 0
)
SELECT bucket, day, sum(change) AS change
FROM piece, LATERAL (VALUES (enters, arrears), (leaves, -arrears)) AS turn(day, change)
WHERE enters < leaves AND day <= CAST(:day AS date) GROUP BY 1, 2
"""


def at_risk(db: Connection, view: View, zone: str, days: int, currency: str | None) -> list[RiskDay]:
    """What was past due in a currency at the end of each of the last `days` days, by bucket, as known now."""
    today = view.as_of.astimezone(ZoneInfo(zone)).date()
    changes: dict[date, dict[str, Decimal]] = defaultdict(dict)
    for r in rows(db, view, _RISK, zone=zone, day=today, currency=currency):
        changes[r.day][r.bucket] = r.change
    if not changes:
        return []
    first = max(min(changes), today - timedelta(days=days - 1))
    standing = dict.fromkeys(BUCKETS[1:], NOTHING)
    for earlier in sorted(day for day in changes if day < first):
        standing = _moved(standing, changes[earlier])
    series = []
    for number in range((today - first).days + 1):
        standing = _moved(standing, changes.get(first + timedelta(days=number), {}))
        series.append(RiskDay(first + timedelta(days=number), standing))
    return series


def _moved(standing: dict[str, Decimal], changes: dict[str, Decimal]) -> dict[str, Decimal]:
    return {bucket: amount + changes.get(bucket, NOTHING) for bucket, amount in standing.items()}


def _place(alias: str, day: str) -> str:
    bucket = BUCKET_SQL.format(day=f"CAST({day} AS date)").replace("oldest_due_on", f"{alias}.oldest_due_on")
    return f"CASE {alias}.state WHEN 'overdue' THEN {bucket} WHEN 'current' THEN 'M0' ELSE {alias}.state END"


_MOVES = (
    LOANS
    + f"""
SELECT {_place("earlier", ":day_before")} AS before, {_place("later", ":day")} AS after,
    {CURRENCY.replace("(currency", "(later.currency", 1)} AS money, count(*) AS loans, sum(earlier.arrears) AS arrears
FROM loan CROSS JOIN LATERAL ({STANDING.format(of=":before")}) AS earlier
    CROSS JOIN LATERAL ({STANDING.format(of=":of")}) AS later
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
)


def moves(db: Connection, view: View, zone: str, before: datetime) -> list[Move]:
    """From where to where each loan moved between two instants, by currency: the very same loans at both."""
    days = {"day": view.as_of.astimezone(ZoneInfo(zone)).date(), "day_before": before.astimezone(ZoneInfo(zone)).date()}
    return [Move(r.before, r.after, r.money, r.loans, r.arrears) for r in rows(db, view, _MOVES, before=before, **days)]
