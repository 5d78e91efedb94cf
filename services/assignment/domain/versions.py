"""Whether every fact of a loan came: versions count up by one per loan, so a number left out is a fact lost or late."""

from typing import TypeAlias

from schemas.cases import GapFound, Versions
from schemas.changing import replace
from services.assignment.domain.moment import Moment
from services.assignment.domain.state import NO_CASE, Loan, State
from services.assignment.domain.steps import Said, loan_of, with_loan

Run: TypeAlias = tuple[int, int]
"""First and last of some versions that were left out."""

RUNS_KEPT = 8
"""Runs of missing versions remembered per loan; a loan with more is in such disorder that the latest tell enough."""


def counted(state: State, loan_id: str, version: int | None, at: Moment) -> Said:
    """Take note of what was left out before this version, and say it; strike a missing one off that came late."""
    loan = loan_of(state, loan_id)
    if loan is None or version is None or not loan.version:
        return state, ()
    if version <= loan.version:
        return with_loan(state, replace(loan, missing=_struck(loan.missing, version))), ()
    left_out = (loan.version + 1, version - 1)
    if left_out[0] > left_out[1]:
        return state, ()
    state = with_loan(state, replace(loan, missing=(*loan.missing, left_out)[-RUNS_KEPT:]))
    return state, (_found(state, loan_id, left_out, at),)


def never_came(loan: Loan, shown: int | None) -> tuple[Run, ...]:
    """The versions that a snapshot at version `shown` proves to be lost."""
    if not loan.version or not shown:
        return loan.missing
    lost = tuple(run for run in loan.missing if run[0] <= shown)
    return (*lost, (loan.version + 1, shown)) if shown > loan.version else lost


def _struck(missing: tuple[Run, ...], version: int) -> tuple[Run, ...]:
    parts = [part for run in missing for part in _without(run, version)]
    return tuple(parts)


def _without(run: Run, version: int) -> tuple[Run, ...]:
    first, last = run
    if not first <= version <= last:
        return (run,)
    return tuple(part for part in ((first, version - 1), (version + 1, last)) if part[0] <= part[1])


def _found(state: State, loan_id: str, run: Run, at: Moment) -> GapFound:
    return GapFound(
        case_id=state.case.case_id if state.case else NO_CASE,
        borrower_id=state.borrower_id,
        loan_id=loan_id,
        missing=Versions(first=run[0], last=run[1]),
        found_at=at.now,
    )
