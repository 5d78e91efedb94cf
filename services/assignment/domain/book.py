"""The book of payments: what is kept of a payment once only its money, and no promise or case, hangs on it.

It may be taken back for years, and told again by mistake; a line of it takes about a hundred bytes.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta

from schemas.changing import replace
from services.assignment.domain.state import Line, Page, Payment, State

EXACT = timedelta(days=90)
"""How long the promise that a payment kept and the case that it closed live again when it is taken back."""

EXACT_KEPT = 100
"""So many payments are kept with all that hangs on them; older ones go into the book, whatever their age."""

KEPT = timedelta(days=3 * 366)
"""How long a line stays. The claim for money paid without ground is barred after three years (Civil Code, art. 188)."""

LINES_KEPT = 1_200
"""Lines kept at most: more than one payment a day for the whole time. The oldest go first."""


def booked(state: State, now: datetime) -> State:
    """The state with payments that have become old in the book. Cheap while there is none."""
    kept = tuple(p for p in state.payments if p.at > now - EXACT)[-EXACT_KEPT:]
    if len(kept) == len(state.payments):
        return state
    named = {(p.payment_id, p.loan_id, p.currency) for p in kept}
    old = [p for p in state.payments if (p.payment_id, p.loan_id, p.currency) not in named]
    return replace(state, payments=kept, book=_pages([*_payments(state.book), *old], now))


def looked_up(state: State, payment_id: str, loan_id: str, currency: str) -> Payment | None:
    """A payment of the book, as it was but for promise and plan; None where there is none."""
    named = (payment_id, loan_id, currency)
    return next((_payment(page, line) for page, line in _lines(state.book) if line[:3] == named), None)


def without(state: State, payment: Payment) -> State:
    """The state with a payment taken out of the book, because it is kept whole again."""
    named = (payment.payment_id, payment.loan_id, payment.currency)
    if all(line[:3] != named for _, line in _lines(state.book)):
        return state
    pages = (replace(page, lines=tuple(line for line in page.lines if line[:3] != named)) for page in state.book)
    return replace(state, book=tuple(page for page in pages if page.lines))


def _lines(book: Iterable[Page]) -> Iterator[tuple[Page, Line]]:
    return ((page, line) for page in book for line in page.lines)


def _payments(book: Iterable[Page]) -> Iterator[Payment]:
    return (_payment(page, line) for page, line in _lines(book))


def _payment(page: Page, line: Line) -> Payment:
    return Payment(
        line.payment_id,
        line.loan_id,
        line.currency,
        line.amount,
        line.on,
        datetime.combine(line.on, time(), UTC),
        party=page.party,
        case_id=page.case_id,
        placement_id=page.placement_id,
        agency_id=page.agency_id,
        basis_points=page.basis_points,
        taken_back=line.taken_back,
        got=line.got,
        back=line.back,
        left=line.left,
        early=line.early,
    )


def _pages(payments: Iterable[Payment], now: datetime) -> tuple[Page, ...]:
    """Payments by merit, each once; those that are too old or too many are left out."""
    young = sorted((p for p in payments if p.at > now - KEPT), key=lambda p: (p.at, p.payment_id))[-LINES_KEPT:]
    pages: dict[Page, list[Line]] = {}
    for payment in young:
        pages.setdefault(_merit(payment), []).append(_line(payment))
    return tuple(replace(page, lines=tuple(lines)) for page, lines in pages.items())


def _merit(payment: Payment) -> Page:
    return Page(payment.party, payment.case_id, payment.placement_id, payment.agency_id, payment.basis_points)


def _line(payment: Payment) -> Line:
    named = (payment.payment_id, payment.loan_id, payment.currency, payment.at.astimezone(UTC).date())
    money = (payment.amount, payment.got, payment.back, payment.left)
    return Line(*named, *money, payment.taken_back, payment.early)
