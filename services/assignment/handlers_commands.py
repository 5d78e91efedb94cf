"""What people ask for over HTTP, as decisions on a state. What the domain does not allow is refused."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from schemas.envelope import Fact
from services.assignment.domain import officers
from services.assignment.domain.choice import Panel
from services.assignment.domain.moment import Moment
from services.assignment.domain.onward import reacting
from services.assignment.domain.state import State
from services.assignment.domain.steps import Said
from services.assignment.handlers import Here, moment
from services.kit.service import Reaction, Refused

Act: TypeAlias = Callable[[State, Here], Reaction[State]]
"""A command on one borrower's state."""


def _command(decide: Callable[[State, Moment], Said]) -> Act:
    """A command as the kit runs it: what the domain does not allow is refused."""

    def act(state: State, context: Here) -> Reaction[State]:
        at = moment(context)
        try:
            return reacting(state, at, lambda known: decide(known, at))
        except officers.NotAllowed as error:
            raise Refused(str(error)) from None

    return act


def place_hold(case_id: str, *, reason: str, until: datetime | None, officer: str) -> Act:
    """An officer lets a case rest."""
    return _command(lambda state, at: officers.place_hold(state, case_id, f"{officer}: {reason}", until, at))


def release_hold(hold_id: str, *, reason: str, officer: str) -> Act:
    """An officer ends a hold."""
    return _command(lambda state, at: officers.release_hold(state, hold_id, f"{officer}: {reason}", at))


def decide_legal(case_id: str, *, pursue: bool, reason: str, officer: str) -> Act:
    """An officer decides about the court."""
    return _command(
        lambda state, at: officers.decide_legal(state, case_id, pursue=pursue, reason=reason, officer=officer, at=at)
    )


def resolve_dispute(dispute_id: str, *, upheld: bool, reason: str, officer: str) -> Act:
    """An officer answers a dispute."""
    return _command(
        lambda state, at: officers.resolve_dispute(
            state, dispute_id, upheld=upheld, reason=reason, officer=officer, at=at
        )
    )


def recall_placement(case_id: str, *, reason: str, officer: str) -> Act:
    """An officer takes a case back."""
    return _command(lambda state, at: officers.recall(state, case_id, reason, officer, at))


def complain(case_id: str, *, reason: str, officer: str) -> Act:
    """An officer notes a complaint."""
    return _command(lambda state, at: officers.complain(state, case_id, f"{officer}: {reason}", at))


def about_agency(decide: Callable[[Panel, datetime], tuple[Fact, ...]]) -> Act:
    """A command about an agency: what it says is keyed by the agency; the state of its subject stays as it is."""

    def act(state: State, context: Here) -> Reaction[State]:
        try:
            return state, decide(context.reference.panel, context.now)
        except officers.NotAllowed as error:
            raise Refused(str(error)) from None

    return act
