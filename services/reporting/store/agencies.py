"""Queries on agencies: what they got, what they did, what came of it, and how they behaved."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from services.reporting.domain.figures import MET, AgencyFigures, rate
from services.reporting.store.summary import money
from services.reporting.store.view import View, rows

_MADE = "type IN ('visit.completed.v1', 'visit.no_contact.v1', 'visit.refused.v1')"
_COUNTS = {
    "offered": "type = 'placement.offered.v1'",
    "accepted": "type = 'placement.activated.v1'",
    "refused": "type = 'placement.refused.v1'",
    "recalled": "type = 'placement.recalled.v1'",
    "visits_planned": "type = 'visit.planned.v1'",
    "visits_made": _MADE,
    "met": f"{_MADE} AND label = ANY(:met)",
    "complaints": "type = 'complaint.received.v1'",
    "upheld": "type = 'complaint.upheld.v1'",
    "attested": "type = 'placement.ended.v1'",
    "attested_on_time": "type = 'placement.ended.v1' AND label = 'yes'",
    "attestation_late": "type = 'placement.attestation_overdue.v1'",
}
_SUMS = {
    "placed_amount": ("amount", "type = 'placement.activated.v1'"),
    "recovered": ("amount", "type = 'payment.attributed.v1' AND label = 'agency'"),
    "fees": (
        "CASE type WHEN 'fee.accrued.v1' THEN amount ELSE -amount END",
        "type IN ('fee.accrued.v1', 'fee.reversed.v1')",
    ),
}
_WORK = """
SELECT agency_id, {}, {}
FROM facts WHERE agency_id IS NOT NULL AND recorded_time <= :known GROUP BY agency_id
""".format(
    ", ".join(f"count(DISTINCT subject_id) FILTER (WHERE {where}) AS {name}" for name, where in _COUNTS.items()),
    ", ".join(
        f"coalesce(sum({what}) FILTER (WHERE {where} AND currency = :currency), 0.00) AS {name}"
        for name, (what, where) in _SUMS.items()
    ),
)
_PANEL = """
SELECT DISTINCT ON (agency_id) agency_id, data ->> 'name' AS name,
    coalesce((data ->> 'in_house')::boolean, false) AS in_house,
    (data ->> 'target_share')::int AS target_share
FROM facts JOIN bodies USING (topic, partition, "offset")
WHERE type = 'agency.registered.v1' AND recorded_time <= :known ORDER BY agency_id, "offset" DESC
"""
_SUSPENDED = """
SELECT DISTINCT ON (agency_id) agency_id, type FROM facts
WHERE type IN ('agency.suspended.v1', 'agency.reinstated.v1') AND recorded_time <= :known
ORDER BY agency_id, "offset" DESC
"""


def agencies(db: Connection, view: View) -> list[AgencyFigures]:
    """Every agency on the panel, and every one that was ever given a case, by name."""
    currency = next((paid.currency for paid in money(db, view)), None)
    work = {r.agency_id: dict(r._mapping) for r in rows(db, view, _WORK, met=sorted(MET), currency=currency)}
    panel = {r.agency_id: dict(r._mapping) for r in rows(db, view, _PANEL)}
    stopped = {r.agency_id for r in rows(db, view, _SUSPENDED) if r.type == "agency.suspended.v1"}
    placed = sum(w["accepted"] for w in work.values())
    return [
        replace(_figures(i, panel.get(i, {}), work.get(i, {}), placed, i in stopped), currency=currency)
        for i in sorted(panel.keys() | work.keys())
    ]


def _figures(
    agency_id: str, known: dict[str, Any], done: dict[str, Any], placed: int, suspended: bool
) -> AgencyFigures:
    figures = AgencyFigures(
        agency_id,
        known.get("name") or agency_id,
        known.get("in_house", agency_id == "in-house"),
        known.get("target_share", 0),
        suspended=suspended,
        share=rate(done.get("accepted", 0), placed),
        active=done.get("accepted", 0) - done.get("recalled", 0),
    )
    return replace(figures, **{name: done[name] for name in (*_COUNTS, *_SUMS) if name in done})
