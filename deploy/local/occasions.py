"""When the bank acts: what a day brings, and what follows from what the collections say. Pure.

What borrowers do with their money shows at the bank: it reads what reached them, and their story says the rest.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from deploy.local.books import Account, cents
from deploy.local.chance import luck, wait
from deploy.local.stories import Deed
from deploy.local.stories import Event as Occasion
from deploy.local.teller import Action, Teller
from schemas.bank import LoanOverdue, LoanPaymentReversed, LoanResumed
from schemas.cases import (
    CaseClosed,
    ComplaintRejected,
    ComplaintUpheld,
    DisputeResolved,
    HardshipGranted,
    HardshipRejected,
    PlacementActivated,
    PlacementOffered,
    PlanAccepted,
    PlanCancelled,
    PlanCompleted,
    PlanDefaulted,
    PlanRejected,
    PromiseBroken,
    PromiseMade,
    PromisePartlyKept,
)
from schemas.contacts import NoticeDelivered
from schemas.envelope import Event, Fact
from schemas.visits import VisitAppointed, VisitArrived, VisitCompleted, VisitDispatched

DUE_SOON_DAYS = 3
_REMINDED_SHARE = 0.1
RELIEF = timedelta(days=25)
_MORNING, _DAWN, _NIGHT, _OFFICE = (8.5, 9.5), (6.3, 6.6), (2.0, 4.0), (9.5, 17.5)
_AT_ONCE: frozenset[Occasion] = frozenset({"on_the_way", "at_the_door", "met", "appointed", "overdue"})
_WAKES, _SLEEPS = 7, 22


def before(bank: Teller) -> Iterator[Action]:
    """All borrowers are recorded, and shown with all their loans, before the first day."""
    for borrower_id in bank.borrowers:
        yield Action(id=f"{borrower_id}-record", at=bank.world.start - timedelta(hours=2), kind="record",
                     borrower_id=borrower_id)  # fmt: skip
        yield _snapshot(bank, borrower_id, bank.world.first_day - timedelta(days=1), hours=(22.5, 23.5))


def day(bank: Teller, today: date) -> Iterator[Action]:
    """What the calendar brings on this day."""
    for account in bank.accounts.values():
        yield from _falling_due(bank, account, today)
        yield from _said_again(bank, account, today)
    for borrower_id, accounts in bank.of_borrower.items():
        if _wanted(accounts, today):
            yield _snapshot(bank, borrower_id, today)


def _falling_due(bank: Teller, account: Account, today: date) -> Iterator[Action]:
    while account.live and account.next_due < today - timedelta(days=1) and today > bank.world.first_day:
        account.move_on(account.next_due)  # fell due while nothing was collected
    due, onset = account.next_due, bank.onset(account)
    missed = bool(account.missed) or (onset is not None and due == onset - timedelta(days=1))
    early = bank.behaviours[account.borrower_id].story.early_bird
    if not account.live:
        return
    if due == today + timedelta(days=DUE_SOON_DAYS) and _is_reminded(bank, account):
        yield _of_loan(bank, account, "due_soon", (today, due), _MORNING)
    if due == today and not missed:
        yield _of_loan(bank, account, "debit", (today, due), _OFFICE)
    if today == bank.world.first_day and due < today:
        yield _of_loan(bank, account, "was_late", (today, due), _MORNING)
    elif due == today - timedelta(days=1):
        yield _of_loan(bank, account, "miss", (today, due), _DAWN if early else _MORNING)


def _is_reminded(bank: Teller, account: Account) -> bool:
    """The bank tells of coming instalments where they may be missed, and of some where they will not."""
    behaviour = bank.behaviours[account.borrower_id]
    return behaviour.onset is not None or luck(behaviour.seed, account.borrower_id, "reminded") < _REMINDED_SHARE


def _said_again(bank: Teller, account: Account, today: date) -> Iterator[Action]:
    days = account.days_past_due(today)
    if account.status == "overdue" and days and days % 7 == 0:
        yield _of_loan(bank, account, "repeat", (today, account.missed[0].due_on), _MORNING)


def _wanted(accounts: list[Account], today: date) -> bool:
    return any(account.missed and account.days_past_due(today) % 7 == 3 for account in accounts)


def _snapshot(bank: Teller, borrower_id: str, today: date, hours: tuple[float, float] = _NIGHT) -> Action:
    """At night, when nothing else happens: what another topic says must have been read before."""
    action_id = f"{borrower_id}-snapshot-{today.isoformat()}"
    at = _clock(bank, borrower_id, today, hours, action_id)
    return Action(id=action_id, at=at, kind="snapshot", borrower_id=borrower_id)


def _of_loan(bank: Teller, account: Account, kind: str, days: tuple[date, date], hours: tuple[float, float]) -> Action:
    today, due = days
    action_id = f"{account.loan.loan_id}-{kind}-{today.isoformat()}"
    return Action(
        id=action_id,
        at=_clock(bank, account.borrower_id, today, hours, action_id),
        kind=kind,
        borrower_id=account.borrower_id,
        loan_id=account.loan.loan_id,
        day=due,
    )


def _clock(bank: Teller, borrower_id: str, today: date, hours: tuple[float, float], name: str) -> datetime:
    midnight = datetime.combine(today, time(), _zone(bank, borrower_id))
    return midnight + wait(hours, bank.world.seed, name)


def _zone(bank: Teller, borrower_id: str) -> ZoneInfo:
    return ZoneInfo(bank.borrowers[borrower_id].place.time_zone)


def heard(bank: Teller, event: Event[Fact]) -> Iterator[Action]:
    """What follows, sooner or later, from a fact that the bank has read or said."""
    fact: Any = event.data
    follow = _FOLLOWS.get(type(fact))
    if follow and fact.borrower_id in bank.borrowers:
        yield from follow(bank, fact, event.time)


def _occasion(occasion: Occasion) -> "Callable[[Teller, Any, datetime], Iterator[Action]]":
    return lambda bank, fact, at: _deeds(bank, fact.borrower_id, occasion, at)


def _deeds(
    bank: Teller, borrower_id: str, occasion: Occasion, at: datetime, *, name: str = "", amount: Decimal | None = None,
    number: int = 1,
) -> Iterator[Action]:  # fmt: skip
    behaviour = bank.behaviours[borrower_id]
    for index, deed in enumerate(behaviour.story.deeds):
        if deed.on == occasion and number <= deed.times:
            action_id = "-".join(part for part in (borrower_id, "deed", str(index), name) if part)
            yield Action(
                id=action_id,
                at=_awake(bank, borrower_id, deed, at + behaviour.wait(deed, index, name), action_id),
                kind=deed.act,
                borrower_id=borrower_id,
                share=deed.share,
                amount=None if amount is None else cents(amount * deed.share),
            )


def _awake(bank: Teller, borrower_id: str, deed: Deed, at: datetime, name: str) -> datetime:
    """People pay while they are awake, unless somebody stands at the door."""
    local = at.astimezone(_zone(bank, borrower_id))
    if deed.on in _AT_ONCE or _WAKES <= local.hour < _SLEEPS:
        return at
    morning = local + timedelta(days=1 if local.hour >= _SLEEPS else 0)
    return morning.replace(hour=_WAKES, minute=int(luck(bank.world.seed, name, "wakes") * 60))


def _promised(bank: Teller, fact: PromiseMade, at: datetime) -> Iterator[Action]:
    noon = datetime.combine(fact.due_on, time(10), _zone(bank, fact.borrower_id))
    yield from _deeds(bank, fact.borrower_id, "promised", max(at, noon), name=fact.promise_id, amount=fact.amount)


def _planned(bank: Teller, fact: PlanAccepted, at: datetime) -> Iterator[Action]:
    yield _now("rest", fact.borrower_id, at, fact.plan_id)
    for number, instalment in enumerate(fact.instalments, start=1):
        noon = datetime.combine(instalment.due_on, time(12), _zone(bank, fact.borrower_id))
        name = f"{fact.plan_id}-{number}"
        yield from _deeds(bank, fact.borrower_id, "planned", noon, name=name, amount=instalment.amount, number=number)


def _plan_over(bank: Teller, fact: PlanDefaulted | PlanCompleted | PlanCancelled, at: datetime) -> Iterator[Action]:
    yield _now("wake", fact.borrower_id, at, fact.plan_id)
    if isinstance(fact, PlanDefaulted):
        yield from _deeds(bank, fact.borrower_id, "plan_over", at)


def _relieved(bank: Teller, fact: HardshipGranted, at: datetime) -> Iterator[Action]:
    """Relief is a pause and then a new schedule, or the new schedule at once."""
    later = at
    if fact.relief == "pause":
        yield _now("pause", fact.borrower_id, at, fact.hardship_id, "hardship")
        later = at + RELIEF
    yield _now("restructure", fact.borrower_id, later, fact.hardship_id, "hardship")


def _resolved(bank: Teller, fact: DisputeResolved, at: datetime) -> Iterator[Action]:
    if fact.upheld:
        yield _now("correct", fact.borrower_id, at, fact.dispute_id)
    else:
        yield from _deeds(bank, fact.borrower_id, "dispute_rejected", at)


def _closed(bank: Teller, fact: CaseClosed, at: datetime) -> Iterator[Action]:
    """Where collecting has ended without money, the books say so too, and nothing is called overdue again."""
    if fact.outcome == "legal_referred":
        yield _now("pause", fact.borrower_id, at, fact.case_id, "handed to lawyers")
    elif fact.outcome == "legal_not_pursued":
        yield _now("charge_off", fact.borrower_id, at, fact.case_id)
    elif fact.outcome == "deceased":
        yield _now("pause", fact.borrower_id, at, fact.case_id, "estate")


def _reached(bank: Teller, fact: NoticeDelivered, at: datetime) -> Iterator[Action]:
    if fact.step in ("reminder", "notice", "letter"):
        yield from _deeds(bank, fact.borrower_id, fact.step, max(at, fact.delivered_at))


def _met(bank: Teller, fact: VisitCompleted, at: datetime) -> Iterator[Action]:
    if fact.result.disposition in ("paid_in_full", "paid_part"):
        yield from _deeds(bank, fact.borrower_id, "met", at)
    if fact.result.disposition == "deceased":
        yield _now("die", fact.borrower_id, at, fact.visit_id)


def _now(kind: str, borrower_id: str, at: datetime, name: str, reason: str = "") -> Action:
    return Action(id=f"{borrower_id}-{kind}-{name}", at=at, kind=kind, borrower_id=borrower_id, reason=reason)


_FOLLOWS: Mapping[type[Fact], Callable[[Teller, Any, datetime], Iterator[Action]]] = {
    LoanOverdue: _occasion("overdue"),
    LoanPaymentReversed: _occasion("reversed"),
    LoanResumed: _occasion("resumed"),
    NoticeDelivered: _reached,
    PlacementOffered: _occasion("offered"),
    PlacementActivated: _occasion("placed"),
    VisitAppointed: _occasion("appointed"),
    VisitDispatched: _occasion("on_the_way"),
    VisitArrived: _occasion("at_the_door"),
    VisitCompleted: _met,
    PromiseMade: _promised,
    PromiseBroken: _occasion("broken"),
    PromisePartlyKept: _occasion("partly_kept"),
    PlanAccepted: _planned,
    PlanDefaulted: _plan_over,
    PlanCompleted: _plan_over,
    PlanCancelled: _plan_over,
    PlanRejected: _occasion("plan_rejected"),
    HardshipGranted: _relieved,
    HardshipRejected: _occasion("not_relieved"),
    DisputeResolved: _resolved,
    ComplaintRejected: _occasion("complaint_answered"),
    ComplaintUpheld: _occasion("complaint_answered"),
    CaseClosed: _closed,
}
FOLLOWED: frozenset[type[Fact]] = frozenset(kind for kind in _FOLLOWS if not kind.TOPIC.intake)
"""The facts of the collections that the bank reads."""
