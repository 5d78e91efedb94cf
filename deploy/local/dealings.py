"""Everything that can happen at the bank, by its name: what the calendar brings, borrowers do, and the bank decides.

Each dealing changes the books and yields the facts that come of it; none where its occasion is gone.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from deploy.local.books import ZERO, Account, cents
from deploy.local.recording import recorded
from deploy.local.teller import Action, Deal, Teller, named
from schemas.bank import (
    BorrowerSnapshot,
    LoanChargedOff,
    LoanClosed,
    LoanDueSoon,
    LoanPaused,
    LoanPaymentReversed,
    LoanRestructured,
    LoanResumed,
    LoanSnapshot,
)
from schemas.envelope import Event, Fact
from schemas.values import BorrowerStatus

SOURCE = "/bank/core"
NEW_INSTALMENTS = 24


def record(bank: Teller, action: Action) -> Iterator[Fact]:
    """All that is known of a borrower."""
    one, behaviour = bank.borrowers[action.borrower_id], bank.behaviours[action.borrower_id]
    yield recorded(one, behaviour, bank.statuses.get(action.borrower_id, "active"), bank.world.first_day)


def become(status: BorrowerStatus, bank: Teller, action: Action) -> Iterator[Fact]:
    """The bank learns what has become of a borrower."""
    bank.statuses[action.borrower_id] = status
    yield from record(bank, action)


def snapshot(bank: Teller, action: Action) -> Iterator[Fact]:
    """All loans of a borrower as they stand."""
    loans = tuple(
        LoanSnapshot(
            loan_id=account.loan.loan_id,
            loan_version=account.version or None,
            days_past_due=account.days_past_due(bank.today(action)),
            arrears=account.arrears,
            outstanding_principal=account.outstanding,
            status=account.status,
        )
        for account in bank.loans(action)
    )
    yield BorrowerSnapshot(borrower_id=action.borrower_id, business_date=bank.today(action), loans=loans)


def due_soon(bank: Teller, action: Action) -> Iterator[Fact]:
    """An instalment is about to fall due."""
    account = bank.accounts[action.loan_id]
    due = account.falling_due(action.due_day)
    if account.live and due.total:
        yield LoanDueSoon(
            **named(account),
            product=account.loan.product,
            currency=bank.world.currency,
            due_date=action.due_day,
            amount_due=due.total,
            business_date=bank.today(action),
        )


def debit(bank: Teller, action: Action) -> Iterator[Fact]:
    """An instalment is paid as agreed."""
    account, payment_id = bank.accounts[action.loan_id], f"PAY-{action.id}"
    account.move_on(action.due_day)
    if account.live and account.falling_due(action.due_day).total:
        yield bank.received(account, payment_id, account.debit(action.due_day, payment_id), action)


def miss(bank: Teller, action: Action) -> Iterator[Fact]:
    """An instalment was not paid: the loan is past due, or further past due."""
    account = bank.accounts[action.loan_id]
    account.move_on(action.due_day)
    if account.live and not account.rests and account.falling_due(action.due_day).total:
        account.miss(action.due_day)
        yield bank.overdue(account, action)


def was_late(bank: Teller, action: Action) -> Iterator[Fact]:
    """What had been missed before the play began is said on its first morning."""
    account = bank.accounts[action.loan_id]
    while account.next_due < bank.today(action):
        account.miss(account.next_due)
        account.move_on(account.next_due)
    yield bank.overdue(account, action)


def repeat(bank: Teller, action: Action) -> Iterator[Fact]:
    """A loan that is past due is said again, with its days."""
    account = bank.accounts[action.loan_id]
    if account.status == "overdue":
        yield bank.overdue(account, action)


def pay(bank: Teller, action: Action) -> Iterator[Fact]:
    """Pay an amount, or a share of all arrears, the oldest loan first."""
    behind = bank.behind(action)
    owed = sum((account.arrears.total for account in behind), ZERO)
    left = min(owed, cents(owed * action.share) if action.amount is None else action.amount)
    for account in behind:
        if left > 0:
            payment_id = f"PAY-{action.id}-{account.loan.loan_id}"
            amount = account.pay(payment_id, left)
            left -= amount
            bank.latest_payment[action.borrower_id] = (payment_id, account.loan.loan_id)
            yield bank.received(account, payment_id, amount, action)
            yield from bank.cured(account, action)


def bounce(bank: Teller, action: Action) -> Iterator[Fact]:
    """The borrower's latest payment is taken back."""
    payment_id, loan_id = bank.latest_payment.pop(action.borrower_id, ("", ""))
    account = bank.accounts.get(loan_id)
    if account is None or not account.live:
        return
    amount = account.reverse(payment_id)
    bank.reversed += amount
    yield LoanPaymentReversed(
        **named(account), **bank.after(account, action), payment_id=payment_id, amount=amount, reason="bounced"
    )
    yield bank.overdue(account, action)


def pause(bank: Teller, action: Action) -> Iterator[Fact]:
    """Collection rests."""
    for account in _collected(bank, action):
        account.pause()
        yield LoanPaused(**named(account), from_date=bank.today(action), reason=action.reason or "request")


def resume(bank: Teller, action: Action) -> Iterator[Fact]:
    """A pause is over; what is past due is said again."""
    for account in bank.loans(action):
        if account.status == "paused":
            account.resume()
            yield _resumed(bank, account, action)
            if account.missed:
                yield bank.overdue(account, action)


def restructure(bank: Teller, action: Action) -> Iterator[Fact]:
    """A new schedule: what was past due is owed later."""
    for account in bank.behind(action):
        if account.status == "paused":
            account.resume()
            yield _resumed(bank, account, action)
        if account.live:
            account.forgive()
            yield _rescheduled(bank, account, action)
            yield from bank.cured(account, action)


def _resumed(bank: Teller, account: Account, action: Action) -> LoanResumed:
    return LoanResumed(**named(account), from_date=bank.today(action), reason=action.reason or "pause ended")


def _rescheduled(bank: Teller, account: Account, action: Action) -> LoanRestructured:
    account.instalment = cents(account.outstanding / NEW_INSTALMENTS) + cents(account.loan.instalment / 10)
    account.move_on(bank.today(action))
    return LoanRestructured(
        **named(account),
        business_date=bank.today(action),
        new_instalment_amount=account.instalment,
        first_due_date=account.next_due,
        instalments=NEW_INSTALMENTS,
        currency=bank.world.currency,
    )


def correct(bank: Teller, action: Action) -> Iterator[Fact]:
    """The borrower was right: what was called past due never was."""
    for account in _collected(bank, action):
        account.forgive()
        yield from bank.cured(account, action)


def charge_off(bank: Teller, action: Action) -> Iterator[Fact]:
    """The loan is written off; the debt lives on."""
    for account in _collected(bank, action):
        account.end("charged_off")
        yield LoanChargedOff(
            **named(account),
            business_date=bank.today(action),
            amount=account.outstanding,
            currency=bank.world.currency,
        )


def close(bank: Teller, action: Action) -> Iterator[Fact]:
    """The loan has ended: another lender has taken it over."""
    for account in _collected(bank, action):
        account.end("closed")
        yield LoanClosed(**named(account), business_date=bank.today(action), reason=action.reason or "refinanced")


def resting(rests: bool, bank: Teller, action: Action) -> Iterator[Fact]:
    """While a plan is kept, instalments that fall due move to the end of the term."""
    for account in bank.loans(action):
        account.rests = rests
    return iter(())


def _collected(bank: Teller, action: Action) -> list[Account]:
    return [account for account in bank.behind(action) if account.live]


DEALINGS: Mapping[str, Deal] = {
    "record": record,
    "snapshot": snapshot,
    "due_soon": due_soon,
    "debit": debit,
    "miss": miss,
    "was_late": was_late,
    "repeat": repeat,
    "pay": pay,
    "bounce": bounce,
    "pause": pause,
    "resume": resume,
    "restructure": restructure,
    "correct": correct,
    "charge_off": charge_off,
    "close": close,
    "rest": partial(resting, True),
    "wake": partial(resting, False),
    "die": partial(become, "deceased"),
    "lose_capacity": partial(become, "incapacitated"),
    "go_bankrupt": partial(become, "bankrupt"),
}


def perform(bank: Teller, action: Action) -> Sequence[Event[Fact]]:
    """Do it, and return what happened: nothing where there is nothing to be done any more."""
    return [
        Event.saying(
            fact,
            id=f"{action.id}/{fact.TYPE.split('.')[1]}/{getattr(fact, 'loan_id', fact.key)}",
            source=SOURCE,
            time=action.at,
            correlationid=action.borrower_id,
        )
        for fact in DEALINGS[action.kind](bank, action)
    ]
