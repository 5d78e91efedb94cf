"""The snapshot repairs what was lost: where core banking shows another loan than is known here, its word stands.

Topics are read side by side, so a fact that seems to be lost may be a moment behind. A snapshot that shows something
else therefore waits until everything is known that was published before it; only what differs then was lost.
"""

from datetime import datetime, timedelta

from schemas.cases import LoanRepaired, Versions
from schemas.changing import replace
from schemas.values import Arrears, CaseOutcome
from services.assignment.domain import cases, versions
from services.assignment.domain.loans import heard_of
from services.assignment.domain.moment import Moment
from services.assignment.domain.state import NO_CASE, Loan, Shown, Snapshot, State
from services.assignment.domain.steps import Said, loan_of, with_loan
from services.rulebook.word import Kind, repairs, word

CURRENCY_OF = {"CN": "CNY", "US": "USD", "IN": "INR", "GB": "GBP"}
"""The currency of a loan of which nothing but a snapshot was ever heard, by the borrower's country."""

LOOK = timedelta(seconds=1)
"""How soon it is asked again whether all is known that came before the snapshot; later after as long as it waited, so
that a service far behind is not kept busy by asking."""

OUTCOME: dict[str, CaseOutcome] = {"closed": "repaid", "charged_off": "charged_off"}
AGAIN = "told again, because a service has missed records"
RESTING = frozenset({"closed", "charged_off"})
"""Loans of which nothing is collected: what core banking goes on booking on them is no concern of a case."""


def shown(state: State, snapshot: Snapshot, at: Moment) -> Said:
    """Core banking's books of this borrower. Of two that wait the later one is kept: it says more."""
    waiting = state.snapshot
    if waiting is not None and waiting.taken_at > snapshot.taken_at:
        return state, ()
    return reconcile(replace(state, snapshot=snapshot), at)


def reconcile(state: State, at: Moment) -> Said:
    """Follow what the waiting snapshot says where it differs, and say each repair; wait on while facts are unread."""
    snapshot = state.snapshot
    if snapshot is None:
        return state, ()
    wanted = _to_tell(state, snapshot, again=at.retell > state.retold)
    if wanted and at.known_as_of < snapshot.recorded:
        waited = at.now - snapshot.recorded
        return replace(state, snapshot=replace(snapshot, look_at=at.now + max(LOOK, waited))), ()
    return _repair(replace(state, snapshot=None, retold=max(at.retell, state.retold)), snapshot, wanted, at)


def look_again_at(state: State) -> datetime | None:
    """When to ask again whether a snapshot that waits can be followed."""
    return state.snapshot.look_at if state.snapshot else None


def _to_tell(state: State, snapshot: Snapshot, *, again: bool) -> list[tuple[Shown, str]]:
    """The loans that are to be told of, and why: those that differ, and all that concern us where it is told again."""
    found = [(loan, _difference(state, loan, snapshot)) for loan in _with_missing(state, snapshot)]
    if again:
        found = [(loan, why or (AGAIN if _concerns(state, loan, snapshot) else "")) for loan, why in found]
    return [(loan, why) for loan, why in found if why]


def _concerns(state: State, loan: Shown, snapshot: Snapshot) -> bool:
    known = loan_of(state, loan.loan_id)
    return known is not None and not _older(known, loan, snapshot)


def _repair(state: State, snapshot: Snapshot, wanted: list[tuple[Shown, str]], at: Moment) -> Said:
    said: list[LoanRepaired] = []
    outcome: CaseOutcome = "cured"
    for loan, why in wanted:
        said.append(_repaired(state, loan, why, snapshot))
        state = with_loan(state, _followed(state, loan, snapshot))
        outcome = OUTCOME.get(loan.status, outcome)
    if not said:
        return state, ()
    state, more = cases.close_if_nothing_due(state, outcome, "snapshot", at)
    return state, (*said, *more)


def _with_missing(state: State, snapshot: Snapshot) -> tuple[Shown, ...]:
    """The loans shown, and as closed those that are collected here and that core banking does not have."""
    named = {loan.loan_id for loan in snapshot.loans}
    gone = (loan.loan_id for loan in state.loans if loan.loan_id not in named and _collected(loan))
    return (*snapshot.loans, *(Shown(loan_id, "closed") for loan_id in gone))


def _collected(loan: Loan) -> bool:
    return loan.arrears > 0 and loan.status not in RESTING


def _difference(state: State, loan: Shown, snapshot: Snapshot) -> str:
    known = loan_of(state, loan.loan_id)
    if known is None:
        return "overdue, but never told" if loan.arrears > 0 and loan.status == "overdue" else ""
    if _older(known, loan, snapshot):
        return ""
    status, left = _status(loan), (loan.principal, loan.interest, loan.fees)
    resting = known.status == status and status in RESTING
    if not resting and (known.status, (known.principal, known.interest, known.fees)) != (status, left):
        return f"{known.status} with {known.arrears} past due became {status} with {loan.arrears}"
    return "facts never came, but what is past due agrees" if versions.never_came(known, loan.version) else ""


def _older(known: Loan, loan: Shown, snapshot: Snapshot) -> bool:
    """Whether something as late is known (services.rulebook.word). In doubt the known stands."""
    kind: Kind = "starts" if loan.status == "overdue" else "stops"
    return not repairs(word(kind, snapshot.taken_at, snapshot.business_date, loan.version), heard_of(known))


def _status(loan: Shown) -> str:
    return "open" if loan.status in {"current", "overdue"} else loan.status


def _followed(state: State, loan: Shown, snapshot: Snapshot) -> Loan:
    day = snapshot.business_date
    known = loan_of(state, loan.loan_id) or Loan(
        loan.loan_id, currency=CURRENCY_OF.get(state.region[:2], "CNY"), region=state.region
    )
    past_due = loan.arrears > 0
    return replace(
        known,
        principal=loan.principal,
        interest=loan.interest,
        fees=loan.fees,
        outstanding=loan.outstanding,
        days_past_due=loan.days_past_due,
        oldest_due=day - timedelta(days=loan.days_past_due) if past_due else None,
        as_of=day,
        heard=snapshot.taken_at,
        version=max(known.version, loan.version or 0),
        missing=(),
        status=loan.status if loan.status in {"paused", "charged_off", "closed"} else "open",
        paused_until=known.paused_until if loan.status == "paused" else None,
        settled=known.settled if past_due else None,
    )


def _repaired(state: State, loan: Shown, why: str, snapshot: Snapshot) -> LoanRepaired:
    known, followed = loan_of(state, loan.loan_id), _followed(state, loan, snapshot)
    lost = versions.never_came(known, loan.version) if known else ()
    return LoanRepaired(
        case_id=state.case.case_id if state.case else NO_CASE,
        borrower_id=state.borrower_id,
        loan_id=loan.loan_id,
        found=why,
        business_date=snapshot.business_date,
        taken_at=snapshot.taken_at,
        status=loan.status,
        days_past_due=loan.days_past_due,
        arrears=Arrears(principal=loan.principal, interest=loan.interest, fees=loan.fees),
        currency=followed.currency,
        loan_version=loan.version,
        missing=tuple(Versions(first=first, last=last) for first, last in lost),
    )
