"""Cases: to look at, and what officers may do about them. Every intervention names who and why."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from schemas.values import UntilInstant
from services.assignment import handlers_commands as commands
from services.assignment.api.asking import PAGE, After, ByOfficer, Key, Limit, Run, borrower_of, command, page, shown
from services.assignment.domain.onward import next_at
from services.assignment.domain.state import State
from services.assignment.domain.steps import case_loans, days_past_due
from services.assignment.store import queries, tables
from services.kit.problem import NotFound

router = APIRouter(tags=["cases"])


class HoldAsked(ByOfficer):
    """Let the case rest, until an instant or until released."""

    until: UntilInstant = None


class LegalAsked(ByOfficer):
    """Decide about the court."""

    decision: Literal["referred", "not_pursued"]


class ResolutionAsked(ByOfficer):
    """Answer a dispute: was the borrower right?"""

    upheld: bool


@router.get("/cases")
def list_cases(
    runtime: Run,
    *,
    borrower_id: str | None = None,
    stage: str | None = None,
    segment: str | None = None,
    outcome: str | None = None,
    after: After = None,
    limit: Limit = PAGE,
) -> JSONResponse:
    """Cases in the order of their ids."""
    filters = {"borrower_id": borrower_id, "stage": stage, "segment": segment, "outcome": outcome}
    return page(runtime, tables.cases, filters, after, limit)


@router.get("/cases/{case_id}")
def get_case(runtime: Run, case_id: str) -> JSONResponse:
    """A case with everything that belongs to it, and how it stands at this moment."""
    with runtime.engine.begin() as connection:
        row = queries.case_of(connection, case_id)
        parts = queries.parts_of(connection, case_id)
    if row is None:
        raise NotFound(f"there is no case {case_id}")
    state = runtime.state(row["borrower_id"])
    return shown({**row, **parts, "standing": _standing(state, case_id)})


def _standing(state: State, case_id: str) -> dict[str, Any] | None:
    """What is past due and what falls due next; None for a case that is closed."""
    if state.case is None or state.case.case_id != case_id:
        return None
    loans = case_loans(state)
    return {
        "arrears": sum((loan.arrears for loan in loans), start=type(state.case.paid)(0)),
        "outstanding": sum((loan.outstanding for loan in loans), start=type(state.case.paid)(0)),
        "days_past_due": days_past_due(loans),
        "loans": [{"loan_id": loan.loan_id, "arrears": loan.arrears, "status": loan.status} for loan in loans],
        "placement": state.placement and {"placement_id": state.placement.placement_id, "state": state.placement.state},
        "proof_id": state.case.proof_id or None,
        "next_at": next_at(state),
    }


@router.get("/placements")
def list_placements(
    runtime: Run,
    *,
    agency_id: str | None = None,
    state: str | None = None,
    case_id: str | None = None,
    after: After = None,
    limit: Limit = PAGE,
) -> JSONResponse:
    """Placements in the order of their ids, with every candidate of the choice."""
    filters = {"agency_id": agency_id, "state": state, "case_id": case_id}
    return page(runtime, tables.placements, filters, after, limit)


@router.get("/complaints")
def list_complaints(
    runtime: Run,
    *,
    agency_id: str | None = None,
    state: Annotated[str | None, Query(description="open, upheld or rejected")] = None,
    after: After = None,
    limit: Limit = PAGE,
) -> JSONResponse:
    """Complaints in the order of their ids."""
    filters = {"kind": "complaint", "agency_id": agency_id, "state": state}
    return page(runtime, tables.matters, filters, after, limit)


@router.post("/cases/{case_id}/holds")
def place_hold(runtime: Run, key: Key, case_id: str, asked: HoldAsked) -> JSONResponse:
    """Let the case rest: what is pending is recalled."""
    act = commands.place_hold(case_id, reason=asked.reason, until=asked.until, officer=asked.officer)
    return command(runtime, borrower_of(runtime, case_id), act, key, asked, case_id)


@router.post("/cases/{case_id}/holds/{hold_id}/release")
def release_hold(runtime: Run, key: Key, case_id: str, hold_id: str, asked: ByOfficer) -> JSONResponse:
    """End an officer's hold, or a stop request that the borrower has taken back."""
    act = commands.release_hold(hold_id, reason=asked.reason, officer=asked.officer)
    return command(runtime, borrower_of(runtime, case_id), act, key, asked, case_id, hold_id)


@router.post("/cases/{case_id}/legal-decision")
def decide_legal(runtime: Run, key: Key, case_id: str, asked: LegalAsked) -> JSONResponse:
    """Decide about the court: the case closes."""
    pursue = asked.decision == "referred"
    act = commands.decide_legal(case_id, pursue=pursue, reason=asked.reason, officer=asked.officer)
    return command(runtime, borrower_of(runtime, case_id), act, key, asked, case_id)


@router.post("/cases/{case_id}/disputes/{dispute_id}/resolution")
def resolve_dispute(runtime: Run, key: Key, case_id: str, dispute_id: str, asked: ResolutionAsked) -> JSONResponse:
    """Answer a dispute: upheld closes the case, rejected lets it go on."""
    act = commands.resolve_dispute(dispute_id, upheld=asked.upheld, reason=asked.reason, officer=asked.officer)
    return command(runtime, borrower_of(runtime, case_id), act, key, asked, case_id, dispute_id)


@router.post("/cases/{case_id}/recall")
def recall(runtime: Run, key: Key, case_id: str, asked: ByOfficer) -> JSONResponse:
    """Take the case back from whoever has it; unless it is held it is offered to the next one."""
    act = commands.recall_placement(case_id, reason=asked.reason, officer=asked.officer)
    return command(runtime, borrower_of(runtime, case_id), act, key, asked, case_id)


@router.post("/cases/{case_id}/complaints")
def complain(runtime: Run, key: Key, case_id: str, asked: ByOfficer) -> JSONResponse:
    """Note a complaint that reached an officer: the case rests and is taken back."""
    act = commands.complain(case_id, reason=asked.reason, officer=asked.officer)
    return command(runtime, borrower_of(runtime, case_id), act, key, asked, case_id)
