"""Queries on promises to pay: how many, over which way, and how they were kept."""

from sqlalchemy import Connection

from services.reporting.domain.figures import PromiseFigures
from services.reporting.store.view import View, rows

PROMISES = """
WITH promise AS (
    SELECT subject_id AS id, max(borrower_id) AS borrower_id, max(case_id) AS case_id,
        max(label) FILTER (WHERE type = 'promise.made.v1') AS via, max(currency) AS currency,
        max(amount) FILTER (WHERE type = 'promise.made.v1') AS amount,
        min(at) FILTER (WHERE type = 'promise.made.v1') AS made_at,
        max(ARRAY[lpad("offset"::text, 19, '0'), type]) AS last,
        max(at) FILTER (WHERE type <> 'promise.made.v1') AS decided_at
    FROM facts WHERE type LIKE 'promise.%' AND recorded_time <= :known GROUP BY subject_id
), decided AS (
    SELECT promise.*, CASE last[2] WHEN 'promise.made.v1' THEN 'open' WHEN 'promise.reopened.v1' THEN 'open'
        ELSE split_part(last[2], '.', 2) END AS outcome
    FROM promise
)"""
"""Every promise with its outcome."""

_FIGURES = (
    PROMISES
    + """, paid AS (
    SELECT DISTINCT ON (subject_id) subject_id AS id, (data ->> 'paid')::numeric AS paid
    FROM facts JOIN bodies USING (topic, partition, "offset")
    WHERE type IN ('promise.kept.v1', 'promise.partly_kept.v1', 'promise.broken.v1') AND recorded_time <= :known
    ORDER BY subject_id, "offset" DESC
)
SELECT coalesce(via, '') AS via, currency, count(*) AS made,
    count(*) FILTER (WHERE outcome = 'open') AS open, count(*) FILTER (WHERE outcome = 'kept') AS kept,
    count(*) FILTER (WHERE outcome = 'partly_kept') AS partly_kept,
    count(*) FILTER (WHERE outcome = 'broken') AS broken, count(*) FILTER (WHERE outcome = 'cancelled') AS cancelled,
    coalesce(sum(amount), 0.00) AS promised,
    coalesce(sum(amount) FILTER (WHERE outcome IN ('kept', 'partly_kept', 'broken')), 0.00) AS due,
    coalesce(sum(amount) FILTER (WHERE outcome = 'kept'), 0.00) AS kept_amount,
    coalesce(sum(paid) FILTER (WHERE outcome IN ('kept', 'partly_kept', 'broken')), 0.00) AS paid
FROM decided LEFT JOIN paid USING (id) GROUP BY 1, 2 ORDER BY 1, 2"""
)


def promises(db: Connection, view: View) -> list[PromiseFigures]:
    """Promises by the way they were made, per currency."""
    return [PromiseFigures(**r._mapping) for r in rows(db, view, _FIGURES)]
