"""What core banking tells of the loans: the latest word stands, an older one changes nothing."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from schemas.bank import LoanOverdue
from schemas.changing import replace
from schemas.values import Arrears
from services.assignment.domain.state import ZERO, Loan, Settled, State
from services.assignment.domain.steps import loan_of, with_loan
from services.rulebook.limitation import Interruption, Limitation, by_last_event, interrupts
from services.rulebook.word import Kind, Known, Word, counts, word

if TYPE_CHECKING:
    from services.assignment.domain.money import Money

Sign = Literal[1, -1]


def heard_of(loan: Loan) -> Known:
    """What was heard of the loan so far. Where nothing but a pause was heard, nothing has stopped."""
    stopped = loan.as_of is not None and (not loan.arrears or loan.status in {"closed", "charged_off"})
    return Known(loan.heard, loan.as_of, loan.version or None, stopped)


def _passed_over(loan: Loan | None, told: Word) -> bool:
    """Whether a word says less than is known (services.rulebook.word)."""
    return loan is not None and not counts(told, heard_of(loan))


def overdue(state: State, told: LoanOverdue, happened: datetime) -> State:
    """The loan is past due, by this much. Told again, or late, it changes nothing."""
    known = loan_of(state, told.loan_id)
    said = word("starts", happened, told.business_date, told.loan_version)
    if _passed_over(known, said):
        return state
    loan = replace(
        known or Loan(told.loan_id),
        product=told.product,
        currency=told.currency,
        region=told.region,
        outstanding=told.outstanding_principal,
        oldest_due=told.oldest_due_date,
    )
    loan = _with_arrears(loan, told.arrears, told.days_past_due)
    loan = replace(loan, settled=_still_settled(loan.settled, told), status=_living(loan.status))
    return with_loan(state, _known_at(loan, said.day, happened, told.loan_version))


def _living(status: Literal["open", "paused", "charged_off", "closed"]) -> Literal["open", "paused", "charged_off"]:
    return "open" if status == "closed" else status


def _still_settled(settled: Settled | None, told: LoanOverdue) -> Settled | None:
    """A default that began after the old one was dealt with, or that outlives the relief, is a new one."""
    if settled is None or told.oldest_due_date > settled.on:
        return None
    return None if settled.until and told.business_date > settled.until else settled


def _with_arrears(loan: Loan, arrears: Arrears, days: int) -> Loan:
    return replace(loan, principal=arrears.principal, interest=arrears.interest, fees=arrears.fees, days_past_due=days)


def _known_at(loan: Loan, day: date | None, happened: datetime, version: int | None = None) -> Loan:
    days = [known for known in (day, loan.as_of) if known]
    heard = max(happened, loan.heard) if loan.heard else happened
    return replace(loan, as_of=max(days, default=None), heard=heard, version=max(loan.version, version or 0))


def after_money(state: State, money: "Money", sign: Sign) -> State:
    """What is past due after a payment (sign 1) or one taken back (-1). Unknown loans stay unknown."""
    loan = loan_of(state, money.loan_id)
    said = word(_kind(money, sign), money.happened, version=money.version)
    if loan is None or _passed_over(loan, said):
        return state
    moved = loan.principal - money.arrears_after.principal
    outstanding = max(ZERO, loan.outstanding - moved) if _same_way(moved, sign) else loan.outstanding
    loan = _with_arrears(loan, money.arrears_after, money.days_past_due_after)
    oldest = _oldest_due(loan, said.day, sign) if loan.arrears > 0 else None
    loan = replace(loan, outstanding=outstanding, oldest_due=oldest, settled=loan.settled if loan.arrears else None)
    return with_loan(state, _known_at(loan, said.day, money.happened, money.version))


def _oldest_due(loan: Loan, posted: date | None, sign: Sign) -> date | None:
    """The oldest day past due after money came or was taken back.

    The bank counts days past due on the day on which it posts, so the value date, which may lie anywhere, says nothing
    of it. A payment settles what is oldest first: it never makes the debt older than it was known to be.
    """
    day = max(filter(None, (posted, loan.as_of)), default=None)
    counted = day - timedelta(days=loan.days_past_due) if day else loan.oldest_due
    return max(filter(None, (counted, loan.oldest_due)), default=None) if sign > 0 else counted


def _kind(money: "Money", sign: Sign) -> Kind:
    if not money.arrears_after.total:
        return "stops"
    return "tells" if sign > 0 else "undoes"


def _same_way(moved: Decimal, sign: Sign) -> bool:
    return moved * sign > 0


def cured(state: State, loan_id: str, day: date, happened: datetime) -> State:
    """Nothing is past due on this loan any more. A cure told late says nothing of what has come due since."""
    told = word("stops", happened, day)
    if _passed_over(loan_of(state, loan_id), told):
        return state
    return _change(state, loan_id, told.day, happened, "cured")


def closed(state: State, loan_id: str, day: date, happened: datetime) -> State:
    """The loan has ended."""
    return _change(state, loan_id, word("ends", happened, day).day, happened, "closed")


def charged_off(state: State, loan_id: str, day: date, happened: datetime) -> State:
    """The lender has written the loan off; it is not collected here any more."""
    return _change(state, loan_id, word("ends", happened, day).day, happened, "charged_off")


def _change(
    state: State, loan_id: str, day: date | None, happened: datetime, what: Literal["cured", "closed", "charged_off"]
) -> State:
    loan = loan_of(state, loan_id)
    if loan is None:
        return state
    if what != "charged_off":
        loan = replace(loan, principal=ZERO, interest=ZERO, fees=ZERO, days_past_due=0, oldest_due=None, settled=None)
    status: Literal["open", "paused", "charged_off", "closed"] = loan.status if what == "cured" else what
    return with_loan(state, _known_at(replace(loan, status=status), day, happened))


def paused(state: State, loan_id: str, until: datetime | None, happened: datetime) -> State:
    """Collection of this loan rests, until it is resumed or `until` has come. The days of a pause may lie ahead."""
    loan = loan_of(state, loan_id) or Loan(loan_id)
    return with_loan(state, _known_at(replace(loan, status="paused", paused_until=until), None, happened))


def resumed(state: State, loan_id: str, happened: datetime) -> State:
    """The pause is over."""
    loan = loan_of(state, loan_id)
    if loan is None or loan.status != "paused":
        return state
    return with_loan(state, _known_at(replace(loan, status="open", paused_until=None), None, happened))


def resume_due(state: State, now: datetime) -> State:
    """The pauses whose time is over are over."""
    for loan in state.loans:
        if loan.paused_until and loan.paused_until <= now:
            state = with_loan(state, replace(loan, status="open", paused_until=None))
    return state


def timers(state: State) -> tuple[datetime, ...]:
    """The instants at which pauses end by themselves."""
    return tuple(loan.paused_until for loan in state.loans if loan.paused_until)


def interrupted(state: State, loan_ids: tuple[str, ...], event: Interruption, years: int) -> State:
    """The limitation period of these loans begins anew, unless the claim was barred before (rule CN-REC-07)."""
    for loan in state.loans:
        known = clock(loan, years)
        if loan.loan_id in loan_ids and interrupts(known.starts_on if known else None, event, years):
            state = with_loan(state, replace(loan, interruption=event))
    return state


def clock(loan: Loan, years: int) -> Limitation | None:
    """The loan's limitation clock, by its oldest day past due and the latest event; None where neither is known."""
    return by_last_event(loan.oldest_due, loan.interruption, years)
