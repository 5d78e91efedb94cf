"""What facts about loans mean for what may be collected. Late, doubled and back-dated facts end in the same picture.

Which word counts is the rule of `services.rulebook.word`; one that does not count changes nothing. `said` is when a
fact was said, never later than the broker took it. A back-dated payment counts as what it leaves, not as when it was.
"""

from datetime import date, datetime, timedelta

from schemas.bank import (
    LoanDueSoon,
    LoanOverdue,
    LoanPaused,
    LoanPaymentReceived,
    LoanPaymentReversed,
    LoanResumed,
)
from schemas.cases import LoanRepaired
from schemas.changing import replace
from schemas.values import Arrears, LoanStatus
from services.notifier.domain.asking import zone_for
from services.notifier.domain.state import Borrower, DueSoon, Loan, Standing, Sums
from services.rulebook.local import local_day
from services.rulebook.word import Kind, Known, Word, counts, heard, repairs, shown, word


def due_soon(state: Borrower, fact: LoanDueSoon) -> Borrower:
    """An instalment falls due; told once for each due date, and not again for an earlier one."""
    loan = state.loan(fact.loan_id)
    if loan.due_soon is not None and fact.due_date <= loan.due_soon.due_date:
        return state
    standing: Standing = "due_soon" if loan.standing == "clear" else loan.standing
    due = DueSoon(fact.due_date, fact.amount_due)
    return state.with_loan(replace(loan, product=fact.product, currency=fact.currency, standing=standing, due_soon=due))


def overdue(state: Borrower, fact: LoanOverdue, said: datetime) -> Borrower:
    """The loan is past due by this much. It ends a stop by payment, cure, close or charge-off, not a running pause."""
    loan = state.loan(fact.loan_id)
    told = word("starts", said, fact.business_date, fact.loan_version)
    if not counts(told, _known(loan)):
        return state
    known = replace(
        _heard(loan, told),
        product=fact.product,
        currency=fact.currency,
        arrears=sums(fact.arrears),
        past_due_since=fact.business_date - timedelta(days=fact.days_past_due),
    )
    return state.with_loan(_standing(known, "overdue", told.day or fact.business_date))


def paid(state: Borrower, fact: LoanPaymentReceived | LoanPaymentReversed, said: datetime) -> Borrower:
    """Money came or was taken back: what is past due is what the fact says is left."""
    loan, left = state.loan(fact.loan_id), sums(fact.arrears_after)
    told = word(_kind(fact), said, version=fact.loan_version)
    if not counts(told, _known(loan)):
        return state
    known = replace(
        _heard(loan, told),
        currency=fact.currency,
        arrears=left,
        past_due_since=_since(loan, fact, local_day(said, zone_for(state))),
        paid_heard=said,
        due_soon=None,
    )
    if loan.standing in ("closed", "charged_off") and isinstance(fact, LoanPaymentReceived):
        return state.with_loan(known)
    return state.with_loan(_standing(known, "overdue" if left.total else "clear", fact.value_date))


def _kind(fact: LoanPaymentReceived | LoanPaymentReversed) -> Kind:
    if not fact.arrears_after.total:
        return "stops"
    return "tells" if isinstance(fact, LoanPaymentReceived) else "undoes"


def ended(state: Borrower, loan_id: str, standing: Standing, day: date, said: datetime) -> Borrower:
    """The loan is cured, closed, charged off or has a new schedule: nothing of it is collected any more."""
    loan = state.loan(loan_id)
    told = word("stops" if standing == "clear" else "ends", said, day)
    if not counts(told, _known(loan)):
        return state
    known = replace(_heard(loan, told), arrears=Sums(), past_due_since=None, due_soon=None)
    if standing == "clear":  # the bank takes a pause back itself: what falls due under it later is not to be collected
        return state.with_loan(_standing(known, standing, day))
    return state.with_loan(replace(known, standing=standing, unpaused=standing))


def paused(state: Borrower, fact: LoanPaused) -> Borrower:
    """Collection of the loan rests; what lies under the pause goes on being followed."""
    loan = state.loan(fact.loan_id)
    if loan.standing == "paused":
        return state.with_loan(replace(loan, resumes_on=fact.until_date))
    covered = replace(loan, standing="paused", unpaused=loan.standing, resumes_on=fact.until_date)
    return state.with_loan(covered)


def resumed(state: Borrower, fact: LoanResumed) -> Borrower:
    """The pause is over; the loan stands as it stood under it."""
    loan = state.loan(fact.loan_id)
    if loan.standing != "paused":
        return state
    return state.with_loan(replace(loan, standing=loan.unpaused, resumes_on=None))


STANDINGS: dict[LoanStatus, Standing] = {
    "current": "clear",
    "overdue": "overdue",
    "paused": "paused",
    "charged_off": "charged_off",
    "closed": "closed",
}


def repaired(state: Borrower, fact: LoanRepaired, recorded: datetime) -> Borrower:
    """A fact was lost: the loan stands as core banking's snapshot shows it, unless something as late is known.

    recorded: when the broker took the fact; the snapshot was taken no later.
    """
    loan, status = state.loan(fact.loan_id), fact.status
    if status is None or fact.taken_at is None or fact.arrears is None:
        return state
    told = shown(status == "overdue", fact.taken_at, recorded, fact.business_date, fact.loan_version)
    if not repairs(told, _known(loan)):
        return state
    owed = fact.arrears.total > 0 and status in ("overdue", "paused")
    since = fact.business_date - timedelta(days=fact.days_past_due or 0)
    known = replace(
        _heard(loan, told),
        currency=loan.currency or fact.currency or "",
        standing=STANDINGS[status],
        unpaused="overdue" if owed else "clear",
        resumes_on=loan.resumes_on if status == "paused" else None,
        arrears=sums(fact.arrears) if owed else Sums(),
        past_due_since=since if owed else None,
        due_soon=loan.due_soon if status == "current" else None,
    )
    return state.with_loan(known)


def sums(arrears: Arrears) -> Sums:
    """The amounts of a fact as this state keeps them."""
    return Sums(arrears.principal, arrears.interest, arrears.fees)


def _known(loan: Loan) -> Known:
    """What was heard of the loan so far, a pause aside."""
    times = [time for time in (loan.heard, loan.paid_heard) if time is not None]
    standing = loan.unpaused if loan.standing == "paused" else loan.standing
    return Known(max(times, default=None), loan.as_of, loan.version, standing != "overdue")


def _heard(loan: Loan, told: Word) -> Loan:
    known = heard(told, _known(loan))
    return replace(loan, as_of=known.day, heard=known.said, version=known.version)


def _since(loan: Loan, fact: LoanPaymentReceived | LoanPaymentReversed, posted: date) -> date | None:
    """The first day past due. The bank counts on the day it posts, not on a back-dated value date.

    Where those days differ the latest counts: no step comes early, and the next overdue fact says it exactly.
    """
    if not fact.days_past_due_after:
        return None
    return max(fact.value_date, posted, loan.as_of or posted) - timedelta(days=fact.days_past_due_after)


def _standing(loan: Loan, standing: Standing, day: date) -> Loan:
    """The loan with this standing, under its pause while that runs."""
    if loan.standing == "paused" and (loan.resumes_on is None or day <= loan.resumes_on):
        return replace(loan, unpaused=standing)
    return replace(loan, standing=standing, resumes_on=None)
