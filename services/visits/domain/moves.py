"""The legal moves of a visit. Reading this table is reading the policy; a move not in it changes nothing."""

from datetime import datetime
from typing import Literal

from schemas.changing import replace
from services.visits.domain.state import ENDED_KEPT, Borrower, Ended, Stage, Visit

Move = Literal["allow", "appoint", "dispatch", "arrive", "complete", "no_contact", "refuse", "cancel", "abort"]

NEXT: dict[tuple[Stage, Move], Stage] = {
    ("permit_requested", "allow"): "planned",
    ("planned", "appoint"): "appointed",
    ("appointed", "dispatch"): "dispatched",
    ("dispatched", "arrive"): "arrived",
    ("arrived", "complete"): "completed",
    ("arrived", "no_contact"): "no_contact",
    ("arrived", "refuse"): "refused",
    ("permit_requested", "cancel"): "cancelled",
    ("planned", "cancel"): "cancelled",
    ("appointed", "cancel"): "cancelled",
    ("dispatched", "cancel"): "cancelled",
    ("dispatched", "abort"): "aborted",
    ("arrived", "abort"): "aborted",
}

OVER = frozenset({"completed", "no_contact", "refused", "cancelled", "aborted"})
PENDING = frozenset(stage for stage, move in NEXT if move == "cancel")
"""Stages in which a stopping fact cancels the visit; from `arrived` on the contact is being made."""


def may(visit: Visit | None, move: Move) -> bool:
    """Whether the table has this move."""
    return visit is not None and (visit.stage, move) in NEXT


def moved(visit: Visit, move: Move) -> Visit:
    """The visit after the move. Raises KeyError where the table has no such move: ask `may` first."""
    return replace(visit, stage=NEXT[visit.stage, move])


def end(borrower: Borrower, move: Move, reason: str, now: datetime) -> Borrower:
    """The borrower whose open visit has ended by this move."""
    assert borrower.visit is not None
    over = Ended(moved(borrower.visit, move), reason, now)
    return replace(borrower, visit=None, ended=(*borrower.ended, over)[-ENDED_KEPT:])
