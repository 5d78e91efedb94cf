"""Queries on visits: what they ended as, why borrowers had not paid, and what is still to be made."""

from sqlalchemy import Connection

from services.reporting.domain.figures import Tally
from services.reporting.store.view import View, rows

_ENDINGS = """
SELECT word, second, count(*) AS number FROM (
    SELECT subject_id, (max(ARRAY[lpad("offset"::text, 19, '0'), split_part(type, '.', 2),
        CASE WHEN type IN ('visit.completed.v1', 'visit.no_contact.v1', 'visit.refused.v1') THEN label
            ELSE split_part(type, '.', 2) END,
        CASE WHEN type = 'visit.cancelled.v1' THEN label ELSE coalesce(detail, '') END])) AS last
    FROM facts WHERE type IN ('visit.completed.v1', 'visit.no_contact.v1', 'visit.refused.v1', 'visit.cancelled.v1',
        'visit.aborted.v1') AND recorded_time <= :known GROUP BY subject_id
) AS visit, LATERAL (SELECT last[3] AS word, CASE last[2] WHEN 'aborted' THEN '' ELSE last[4] END AS second) AS words
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""


def endings(db: Connection, view: View) -> list[Tally]:
    """How visits ended: by disposition and reason for default; by cause where they were cancelled."""
    return [Tally(r.word, r.second, r.number) for r in rows(db, view, _ENDINGS)]


_EVIDENCE = """
SELECT label AS word, '' AS second, count(*) AS number FROM facts
WHERE type = 'visit.evidence_sealed.v1' AND recorded_time <= :known GROUP BY 1 ORDER BY 1
"""


def evidence(db: Connection, view: View) -> list[Tally]:
    """For how many visits the sealed evidence is complete: `yes` or `no`."""
    return [Tally(r.word, r.second, r.number) for r in rows(db, view, _EVIDENCE)]
