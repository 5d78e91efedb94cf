"""What the borrower's page shows: who, why, how much, and what is on file already. No name, number or address."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import ROUND_DOWN, Decimal
from zoneinfo import ZoneInfo

from schemas.values import Channel
from services.notifier.api.told import Told, Why, why
from services.notifier.domain import Borrower
from services.notifier.domain.state import Loan, Planned, Promised
from services.notifier.store_asked import Row
from services.rulebook.local import zone_of

SHOWN_HOLDS = ("promise", "plan", "dispute", "hardship", "complaint", "stop_request")
PARTS = ("principal", "interest", "fees")
ZONE = "Asia/Shanghai"
CENT = Decimal("0.01")
SHOWN_DIGITS = 6
CHANNELS: tuple[Channel, ...] = ("sms", "email", "letter", "voice", "visit")
TIMES = {
    "morning": (time(9), time(12)),
    "afternoon": (time(12), time(18)),
    "evening": (time(18), time(21)),
}
"""When a borrower may wish to be contacted, on their own clock; besides `any`."""


@dataclass(frozen=True, slots=True)
class Owed:
    """What is past due in one currency, by component; zero components are left out."""

    currency: str
    parts: Sequence[tuple[str, Decimal]]
    total: Decimal
    loans: int
    days_past_due: int

    @property
    def instalments(self) -> list[tuple[int, Decimal, Decimal]]:
        """Into how many parts it can be split, how much the first would be, and how much each other.

        To the cent: the first carries what does not divide.
        """
        each = [(n, (self.total / n).quantize(CENT, ROUND_DOWN)) for n in range(2, 13)]
        return [(n, self.total - part * (n - 1), part) for n, part in each]


@dataclass(frozen=True, slots=True)
class OneLoan:
    """What is past due on one loan; `number` shows no more than its end."""

    number: str
    currency: str
    since: date | None
    days_past_due: int
    parts: Sequence[tuple[str, Decimal]]


@dataclass(frozen=True, slots=True)
class Due:
    """An instalment that falls due."""

    on: date
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The page's content."""

    reference: str
    step: str
    channel: str
    sent_on: datetime | None
    language: str
    zone: str
    owed: Sequence[Owed]
    due: Sequence[Due]
    loans: Sequence[OneLoan]
    on_file: Sequence[str]
    times: str
    agency: str | None
    known_as_of: datetime
    promises: Sequence[Promised] = ()
    plan: Planned | None = None
    plan_refused: Why | None = None
    told: Sequence[Told] = ()
    stopped: Sequence[str] = ()
    is_somebody_else: bool = False
    """Whoever was reached there has said so: then nothing of the debt is theirs to see, or to act on."""

    @property
    def settled(self) -> bool:
        """Nothing is past due and nothing falls due soon."""
        return not self.owed and not self.due


def seen(state: Borrower, notice: Row, agency: str | None, now: datetime, known_as_of: datetime) -> Seen:
    """The page's content at an instant. A time zone that nobody knows must not keep a borrower from answering."""
    known_zone = zone_of(state.profile.time_zone) if state.profile else None
    zone = known_zone.key if known_zone else ZONE
    today = now.astimezone(known_zone or ZoneInfo(ZONE)).date()
    held = [hold.reason for hold in state.holds if hold.until is None or hold.until > now]
    stopped = [channel for channel in CHANNELS if state.stopped(now, channel)]
    return Seen(
        reference=notice["contact_id"],
        step=notice["step"] or "notice",
        channel=notice["channel"],
        sent_on=notice["submitted_at"],
        language=state.language,
        zone=zone,
        owed=_owed(state.overdue, today),
        due=_due(state.loans, today),
        loans=[_one(loan, today) for loan in state.overdue if loan.arrears.total],
        times=_times(state),
        on_file=[reason for reason in SHOWN_HOLDS if reason in held and reason not in _in_detail(state)],
        promises=sorted(state.promises, key=lambda promise: promise.on),
        plan=state.plan if state.plan and state.plan.parts else None,
        plan_refused=why(state.plan.refused) if state.plan and state.plan.refused else None,
        told=[Told(result, why(result.reason)) for result in state.results],
        stopped=stopped,
        agency=agency,
        known_as_of=known_as_of,
        is_somebody_else=notice["contact_point_id"] in state.wrong_points,
    )


def _in_detail(state: Borrower) -> set[str]:
    """What is on file and shown with its days, sums and reasons."""
    promise, plan = bool(state.promises), state.plan is not None and bool(state.plan.parts)
    shown = {"promise": promise, "plan": plan}
    return {name for name, is_shown in shown.items() if is_shown} | {result.about for result in state.results}


def _owed(loans: Sequence[Loan], today: date) -> list[Owed]:
    by_currency: dict[str, list[Loan]] = {}
    for loan in loans:
        if loan.arrears.total:
            by_currency.setdefault(loan.currency, []).append(loan)
    return [_sum(currency, group, today) for currency, group in sorted(by_currency.items())]


def _sum(currency: str, loans: Sequence[Loan], today: date) -> Owed:
    parts = [(name, sum((getattr(loan.arrears, name) for loan in loans), Decimal(0))) for name in PARTS]
    since = min((loan.past_due_since for loan in loans if loan.past_due_since), default=today)
    total = sum((amount for _, amount in parts), Decimal(0))
    return Owed(currency, [part for part in parts if part[1]], total, len(loans), (today - since).days)


def _one(loan: Loan, today: date) -> OneLoan:
    parts = [(name, amount) for name in PARTS if (amount := getattr(loan.arrears, name))]
    days = (today - loan.past_due_since).days if loan.past_due_since else 0
    number = loan.loan_id if len(loan.loan_id) <= SHOWN_DIGITS else f"…{loan.loan_id[-SHOWN_DIGITS:]}"
    return OneLoan(number, loan.currency, loan.past_due_since, days, parts)


def _times(state: Borrower) -> str:
    """Which of the times that the page offers is on file; "" for others, which an officer took down."""
    if not state.quiet_times:
        return "any"
    quiet = state.quiet_times[0]
    return next((name for name, times in TIMES.items() if times == (quiet.end, quiet.start)), "")


def _due(loans: Sequence[Loan], today: date) -> list[Due]:
    return [
        Due(loan.due_soon.due_date, loan.due_soon.amount, loan.currency)
        for loan in loans
        if loan.due_soon and loan.due_soon.due_date >= today and loan.standing == "due_soon"
    ]
