"""Queries on the ladder: its steps, how far borrowers came, how cases flowed, and what the gate denied."""

from sqlalchemy import Connection

from services.reporting.domain.figures import STEPS, Rung, StepFigures, Tally
from services.reporting.store.view import View, row, rows

_STEPS = """
SELECT label AS step, count(*) FILTER (WHERE type = 'contact.allowed.v1') AS allowed,
    count(*) FILTER (WHERE type = 'contact.denied.v1') AS denied,
    count(*) FILTER (WHERE type = 'notice.sent.v1') AS sent,
    count(*) FILTER (WHERE type = 'notice.delivered.v1') AS delivered,
    count(*) FILTER (WHERE type = 'notice.failed.v1') AS failed,
    count(*) FILTER (WHERE type = 'notice.unknown.v1') AS unknown
FROM facts WHERE type IN ('contact.allowed.v1', 'contact.denied.v1', 'notice.sent.v1', 'notice.delivered.v1',
    'notice.failed.v1', 'notice.unknown.v1') AND recorded_time <= :known
GROUP BY label
"""
_ANSWERS = """
SELECT sent.label AS step, answered.label AS answer, count(DISTINCT answered.subject_id) AS number
FROM facts AS answered JOIN facts AS sent ON sent.subject_id = answered.subject_id AND sent.type = 'notice.sent.v1'
WHERE answered.type = 'notice.answered.v1' AND answered.recorded_time <= :known AND sent.recorded_time <= :known
GROUP BY 1, 2 ORDER BY 1, 2
"""


def steps(db: Connection, view: View) -> list[StepFigures]:
    """Each step of the ladder, from early warning to the lawyer's letter."""
    answers: dict[str, int] = {}
    for tally in step_answers(db, view):
        answers[tally.word] = answers.get(tally.word, 0) + tally.count
    found = {r.step: r for r in rows(db, view, _STEPS)}
    return [
        StepFigures(s, r.allowed, r.denied, r.sent, r.delivered, r.failed, r.unknown, answers.get(s, 0))
        if (r := found.get(s))
        else StepFigures(s)
        for s in STEPS
    ]


def step_answers(db: Connection, view: View) -> list[Tally]:
    """How many notices of each step were answered, by answer."""
    return [Tally(r.step, r.answer, r.number) for r in rows(db, view, _ANSWERS)]


_FUNNEL = (
    ("overdue", "type = 'loan.overdue.v1'"),
    ("reminded", "type = 'notice.sent.v1' AND label = 'reminder'"),
    ("noticed", "type = 'notice.sent.v1' AND label = 'notice'"),
    ("lettered", "type = 'notice.sent.v1' AND label = 'letter'"),
    ("unanswered", "type = 'notice.unanswered.v1'"),
    ("placed", "type = 'placement.activated.v1'"),
    ("visit_planned", "type = 'visit.planned.v1'"),
    ("visited", "type IN ('visit.completed.v1', 'visit.no_contact.v1', 'visit.refused.v1')"),
)
_RUNGS = "SELECT {} FROM facts WHERE recorded_time <= :known AND type = ANY(:types)".format(
    ", ".join(f"count(DISTINCT borrower_id) FILTER (WHERE {where}) AS {name}" for name, where in _FUNNEL)
)
_RUNG_TYPES = [
    "loan.overdue.v1",
    "notice.sent.v1",
    "notice.unanswered.v1",
    "placement.activated.v1",
    "visit.planned.v1",
    "visit.completed.v1",
    "visit.no_contact.v1",
    "visit.refused.v1",
]


def funnel(db: Connection, view: View) -> list[Rung]:
    """How many borrowers came as far as each rung of the ladder."""
    counts = row(db, view, _RUNGS, types=_RUNG_TYPES)._mapping
    return [Rung(name, counts[name]) for name, _ in _FUNNEL]


_DENIALS = """
SELECT rule, detail AS channel, count(*) AS number FROM facts, unnest(rules) AS rule
WHERE type = 'contact.denied.v1' AND recorded_time <= :known GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""


def denials(db: Connection, view: View) -> list[Tally]:
    """What the contact gate denied, by rule and channel. A denial by two rules counts under both."""
    return [Tally(r.rule, r.channel, r.number) for r in rows(db, view, _DENIALS)]
