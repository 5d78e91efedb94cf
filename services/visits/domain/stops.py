"""What stops a visit, at its source, and what releases it. A stop cancels what is pending in the same reaction."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import cast

from schemas import values
from schemas.cases import LoanRepaired
from schemas.changing import replace
from services.rulebook.word import Kind, Known, Word, counts, heard, repairs, said_at, shown, word
from services.visits.domain.life import abort, cancel, replan
from services.visits.domain.panel import Moment
from services.visits.domain.planning import exhaust, next_plan_at, plan, zone_of
from services.visits.domain.state import (
    ANSWERED_KEPT,
    CANCEL_REASONS,
    Borrower,
    CancelReason,
    Loan,
    LoanStatus,
    Outcome,
    Placement,
    Profile,
    Stop,
    then,
)

PAID_OUT = frozenset({"cured", "closed", "repaid"})
"""Ends of a placement by money: a team that is inside finishes, and its result is still wanted."""

NOTHING = Decimal("0.00")
OF_AGREEMENTS = frozenset({"promise", "plan"})
HEARD = "answer:"
"""Begins the key of a complaint that was heard at its source and has no id of its own yet."""

OUTLIVES_CASE = frozenset({"stop_request"})
"""Stops that belong to the person, not to the case."""


# -- loans --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What core banking says of one loan: how much is past due, on which business day, by which version."""

    loan_id: str
    left: Decimal = NOTHING
    day: date | None = None
    version: int | None = None

    def word(self, kind: Kind, at: Moment) -> Word:
        """It as a word that may count or not."""
        return word(kind, said_at(at.happened, at.recorded), self.day, self.version)


def overdue(borrower: Borrower, told: Told, at: Moment) -> Outcome:
    """A loan is past due: that ends a stop by payment, cure or close; a pause only when its own day is over."""
    said = told.word("starts", at)
    before = borrower.loans.get(told.loan_id, Loan())
    if not counts(said, _known(before)):
        return borrower, ()
    known = replace(_heard(before, said), arrears=told.left)
    if before.status == "paused" and not _pause_over(before, said.day):
        return _with_loan(borrower, told.loan_id, known), ()
    return plan(_with_loan(borrower, told.loan_id, replace(known, status="overdue", paused_until=None)), at)


def _known(loan: Loan) -> Known:
    """What was heard of the loan so far, a pause aside."""
    stopped = loan.arrears == NOTHING if loan.status == "paused" else loan.status != "overdue"
    return Known(loan.heard, loan.as_of, loan.version, stopped)


def _heard(loan: Loan, told: Word) -> Loan:
    known = heard(told, _known(loan))
    return replace(loan, as_of=known.day, heard=known.said, version=known.version)


def _pause_over(loan: Loan, business_date: date | None) -> bool:
    return loan.paused_until is not None and business_date is not None and business_date > loan.paused_until


def paid(borrower: Borrower, told: Told, at: Moment) -> Outcome:
    """Money arrived. What it leaves past due is decided anew; when it leaves nothing, this loan stops."""
    said = told.word("tells" if told.left else "stops", at)
    before = borrower.loans.get(told.loan_id, Loan())
    if not counts(said, _known(before)):
        return borrower, ()
    status: LoanStatus = before.status if told.left or before.status == "paused" else "paid"  # no payment ends a stop
    known = replace(_heard(before, said), status=status, arrears=told.left)
    return _decided_anew(_with_loan(borrower, told.loan_id, known), told.loan_id, "payment", at)


def reversed_payment(borrower: Borrower, told: Told, at: Moment) -> Outcome:
    """Money was taken back: what is past due is past due again."""
    said = told.word("undoes" if told.left else "stops", at)
    before = borrower.loans.get(told.loan_id, Loan())
    if not counts(said, _known(before)):
        return borrower, ()
    status: LoanStatus = "overdue" if told.left and before.status != "paused" else before.status
    known = replace(_heard(before, said), status=status, arrears=told.left)
    return plan(_with_loan(borrower, told.loan_id, known), at)


def cured(borrower: Borrower, told: Told, at: Moment) -> Outcome:
    """Nothing is past due on the loan; a pause goes on. Told late, it says nothing of what has come due since."""
    said = told.word("stops", at)
    before = borrower.loans.get(told.loan_id, Loan())
    if not counts(said, _known(before)):
        return borrower, ()
    known = replace(_heard(before, said), arrears=NOTHING)
    if before.status == "paused" and not _pause_over(before, said.day):
        return _with_loan(borrower, told.loan_id, known), ()
    return _stopped(borrower, told.loan_id, replace(known, status="cured", paused_until=None), at)


def ended(borrower: Borrower, told: Told, status: LoanStatus, at: Moment) -> Outcome:
    """The loan is closed or charged off: that needs no order."""
    known = _heard(borrower.loans.get(told.loan_id, Loan()), told.word("ends", at))
    return _stopped(borrower, told.loan_id, replace(known, status=status, paused_until=None), at)


def _stopped(borrower: Borrower, loan_id: str, loan: Loan, at: Moment) -> Outcome:
    return _decided_anew(_with_loan(borrower, loan_id, loan), loan_id, cast("CancelReason", loan.status), at)


def repaired(borrower: Borrower, fact: LoanRepaired, at: Moment) -> Outcome:
    """A fact was lost: the loan stands as a snapshot shows it, unless something as late is known. A stop wins a tie."""
    before = borrower.loans.get(fact.loan_id, Loan())
    if fact.status is None or fact.arrears is None or fact.taken_at is None:
        return borrower, ()
    told = shown(fact.status == "overdue", fact.taken_at, at.recorded, fact.business_date, fact.loan_version)
    if not repairs(told, _known(before)):
        return borrower, ()
    status = SHOWN[fact.status]
    until = before.paused_until if status == "paused" else None
    known = replace(_heard(before, told), arrears=fact.arrears.total, status=status, paused_until=until)
    after = _with_loan(borrower, fact.loan_id, known)
    if status == "overdue":
        return plan(after, at)
    return _decided_anew(after, fact.loan_id, cast("CancelReason", status), at)


SHOWN: dict[values.LoanStatus, LoanStatus] = {
    "current": "cured",
    "overdue": "overdue",
    "paused": "paused",
    "charged_off": "charged_off",
    "closed": "closed",
}


def paused(borrower: Borrower, loan_id: str, until: date | None, at: Moment) -> Outcome:
    """Collection of this loan rests. A visit that was about it is off; what is left is asked for anew."""
    before = borrower.loans.get(loan_id, Loan())
    after = _with_loan(borrower, loan_id, replace(before, status="paused", paused_until=until), at)
    return _decided_anew(after, loan_id, "paused", at)


def resume_loan(borrower: Borrower, loan_id: str, at: Moment) -> Outcome:
    """The pause of this loan is over."""
    before = borrower.loans.get(loan_id, Loan())
    if before.status != "paused":
        return borrower, ()
    status: LoanStatus = "cured" if before.arrears == NOTHING else "overdue"
    return plan(_with_loan(borrower, loan_id, replace(before, status=status, paused_until=None), at), at)


def _decided_anew(borrower: Borrower, loan_id: str, reason: CancelReason, at: Moment) -> Outcome:
    if borrower.visit is None or loan_id not in borrower.visit.loan_ids:
        return borrower, ()
    return replan(borrower, reason, at)


def _with_loan(borrower: Borrower, loan_id: str, loan: Loan, at: Moment | None = None) -> Borrower:
    """The borrower with this loan as it stands; `at` where the bank itself has just spoken of it."""
    if at is not None:
        said = said_at(at.happened, at.recorded)
        loan = replace(loan, heard=max(said, loan.heard) if loan.heard else said)
    return replace(borrower, loans={**borrower.loans, loan_id: loan})


# -- the person ---------------------------------------------------------------------------------------------------


def recorded(borrower: Borrower, profile: Profile, at: Moment) -> Outcome:
    """What is known of the person, whole. Death, incapacity, bankruptcy and vulnerability stop; a move plans anew."""
    before, after = borrower.profile, replace(borrower, profile=profile)
    if profile.status != "active":
        return cancel(after, profile.status, at.cause, at)
    if profile.vulnerable and not at.reference.policy.visits_vulnerable:
        return then(cancel(after, "vulnerable", at.cause, at), lambda b: exhaust(b, "not_permitted", at))
    visit = borrower.visit
    if visit and visit.address_id not in {place.address_id for place in profile.places}:
        return replan(after, "no_address", at)
    if visit and before and zone_of(before) != zone_of(profile):
        return replan(after, "replanned", at)
    return plan(after, at)


def stop(borrower: Borrower, key: str, reason: str, at: Moment, case_id: str = "") -> Outcome:
    """The borrower is not to be contacted, until this stop is released. The same stop twice is one."""
    if key in borrower.answered:
        return borrower, ()
    known = cast("CancelReason", reason if reason in CANCEL_REASONS else "officer")
    others = tuple(s for s in borrower.stops if s.key != key)
    return cancel(replace(borrower, stops=(*others, Stop(key, known, case_id))), known, at.cause, at)


def release(borrower: Borrower, at: Moment, *keys: str) -> Outcome:
    """These stops are gone; what rested goes on when none is left."""
    return _without(borrower, (s for s in borrower.stops if s.key in keys), at)


def release_hold(borrower: Borrower, hold_id: str, reason: str, at: Moment) -> Outcome:
    """A hold is gone; with the hold of an agreement goes what the agreement itself had stopped."""
    gone = (s for s in borrower.stops if s.key == hold_id or (s.reason == reason and reason in OF_AGREEMENTS))
    return _without(borrower, gone, at)


def answered(borrower: Borrower, key: str, at: Moment, *, goes_on: bool) -> Outcome:
    """What the borrower said was answered, by its id. Where they were right nothing goes on: their case is closed.

    It is remembered, so that one that is heard after its answer stops nothing.
    """
    after = replace(borrower, answered=(*borrower.answered, key)[-ANSWERED_KEPT:])
    if goes_on:
        return release(after, at, key)
    if borrower.placement is not None:
        return after, ()
    return replace(after, stops=tuple(s for s in borrower.stops if s.key != key)), ()


def release_kind(borrower: Borrower, reason: str, at: Moment) -> Outcome:
    """Every stop of this kind that came from its source is gone."""
    return _without(borrower, (s for s in borrower.stops if s.reason == reason and not s.case_id), at)


def complaint_received(borrower: Borrower, complaint_id: str, at: Moment, case_id: str) -> Outcome:
    """The complaint has its id: the oldest complaint heard at its source that has none bears it from now on."""
    heard = next((s.key for s in borrower.stops if s.key.startswith(HEARD)), None)
    kept = tuple(s for s in borrower.stops if s.key != heard)
    return stop(replace(borrower, stops=kept), complaint_id, "complaint", at, case_id)


def _without(borrower: Borrower, gone: Iterable[Stop], at: Moment) -> Outcome:
    released = frozenset(gone)
    if not released:
        return borrower, ()
    after = replace(borrower, stops=tuple(s for s in borrower.stops if s not in released))
    if after.stops or after.placement is None or after.placement.over:
        return after, ()
    return plan(replace(after, placement=replace(after.placement, tries=0)), at)


# -- the placement ------------------------------------------------------------------------------------------------


def activated(borrower: Borrower, placement: Placement, at: Moment) -> Outcome:
    """An agency works the case: its first visit is planned as soon as the gap since the last one allows."""
    if borrower.placement and borrower.placement.placement_id == placement.placement_id:
        return borrower, ()
    before = _placement_over(borrower, "replaced", at) if borrower.placement else (borrower, ())
    last = borrower.last_attempt_at
    first = at.now if last is None else max(at.now, next_plan_at(last, at.reference.policy))
    return then(before, lambda b: plan(replace(b, placement=replace(placement, plan_at=first)), at))


def recalled(borrower: Borrower, placement_id: str, why: str, at: Moment) -> Outcome:
    """The case is taken back at once. Who is inside breaks off, unless it was money that ended it."""
    if borrower.placement is None or borrower.placement.placement_id != placement_id:
        return borrower, ()
    return _placement_over(borrower, why, at)


def case_closed(borrower: Borrower, case_id: str, outcome: str, at: Moment) -> Outcome:
    """The case has ended, and with it what it was stopped by, but for what belongs to the person."""
    kept = tuple(s for s in borrower.stops if s.reason in OUTLIVES_CASE and s.case_id != case_id)
    after = replace(borrower, stops=kept)
    if after.placement is None or after.placement.case_id != case_id:
        return after, ()
    return _placement_over(after, outcome, at)


def _placement_over(borrower: Borrower, why: str, at: Moment) -> Outcome:
    after, visit = replace(borrower, placement=None), borrower.visit
    if visit is None or visit.stage != "arrived":
        return cancel(after, "recalled", at.cause, at)
    if why in PAID_OUT:
        return replace(after, visit=replace(visit, outlived=why)), ()
    return abort(after, f"The placement was recalled: {why}.", at)
