"""What officers may do by hand. Each names who and why; what is not possible is refused with the reason."""

from datetime import datetime

from schemas.changing import replace
from schemas.values import Reason
from services.assignment.domain import borrowers, complaints, holds, legal, matters, placements
from services.assignment.domain.moment import Moment
from services.assignment.domain.state import State
from services.assignment.domain.steps import Said, run, step


class NotAllowed(Exception):
    """The domain does not allow what was asked for. Nothing changes; the text tells the officer why."""


def _of_open_case(state: State, case_id: str) -> None:
    if state.case is None or state.case.case_id != case_id:
        raise NotAllowed(f"case {case_id} is not open")


def place_hold(state: State, case_id: str, reason: str, until: datetime | None, at: Moment) -> Said:
    """Let the case rest."""
    _of_open_case(state, case_id)
    if until is not None and until <= at.now:
        raise NotAllowed("the hold would be over before it begins")
    return run(
        state,
        step(holds.place, "officer", at, about=f"officer/{state.counters.get('H', 0) + 1}", until=until),
        step(placements.stop, "officer", reason, at),
    )


def release_hold(state: State, hold_id: str, why: str, at: Moment) -> Said:
    """End a hold. What is under review is answered instead; the person's own status is core banking's to change."""
    hold = next((known for known in state.holds if known.hold_id == hold_id), None)
    if hold is None:
        raise NotAllowed(f"no hold {hold_id} stands")
    if hold.reason == "stop_request":
        state, said = borrowers.consented(state, at)
        return state, said
    if hold.reason != "officer":
        raise NotAllowed(f"a hold for {hold.reason} ends with what it stands for")
    return holds.release(state, lambda known: known.hold_id == hold_id, why, at)


def decide_legal(state: State, case_id: str, *, pursue: bool, reason: str, officer: str, at: Moment) -> Said:
    """Decide about the court, earlier than the rule or otherwise than it would."""
    _of_open_case(state, case_id)
    by_officer = Reason(rule_id="OFFICER", force="POLICY", text=f"{officer}: {reason}")
    return legal.decide(state, pursue=pursue, reasons=(by_officer, *legal.by_rule(state, at)[1]), at=at)


def resolve_dispute(state: State, dispute_id: str, *, upheld: bool, reason: str, officer: str, at: Moment) -> Said:
    """Answer a dispute, and with it each that was raised while it was open."""
    if state.dispute is None or dispute_id not in dict(state.dispute.told):
        raise NotAllowed(f"dispute {dispute_id} is not open")
    return matters.resolve_dispute(state, upheld=upheld, reason=f"{officer}: {reason}", at=at)


def recall(state: State, case_id: str, reason: str, officer: str, at: Moment) -> Said:
    """Take the case back from whoever has it, or withdraw the offer. It goes on to the next one unless it is held."""
    _of_open_case(state, case_id)
    placement, case = state.placement, state.case
    if placement is None or case is None:
        raise NotAllowed("nobody has the case")
    case = replace(case, tried=tuple(sorted({*case.tried, placement.agency_id})))
    return placements.stop(replace(state, case=case), "officer", f"{officer}: {reason}", at)


def complain(state: State, case_id: str, ground: str, at: Moment) -> Said:
    """A complaint that reached an officer."""
    _of_open_case(state, case_id)
    return complaints.receive(state, "officer", ground, at)
