"""A snapshot whose time or day lies ahead repairs what was lost, and does not outlast the payment that follows it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from schemas.bank import BorrowerSnapshot, LoanCured, LoanPaymentReceived, LoanSnapshot
from schemas.cases import CaseClosed, LoanRepaired
from schemas.values import Arrears
from services.assignment.app import service as assignment
from services.assignment.domain.moment import Reference
from services.kit.bus import Bus
from services.kit.clock import ManualClock
from services.notifier.app import service as notifier
from services.rulebook.strategy import load_strategy
from services.visits.app import service as visits
from tests.assignment.story import panel as agencies
from tests.notifier.ladder_story import POLICY, known
from tests.visits.building import panel as teams

BORROWER = "B-1"
EVENING = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
"""22:30 in Shanghai: the books of the day are closed, those of the next one are open."""
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def past_due(amount: int) -> Arrears:
    return Arrears(principal=Decimal(amount).quantize(Decimal("0.01")), interest=Decimal("0.00"), fees=Decimal("0.00"))


@pytest.fixture
def bus() -> Bus:
    reference = Reference(load_strategy(), agencies())
    references = {
        "assignment": lambda _partition, _now: reference,
        "notifier": lambda _partition, _now: POLICY,
        "visits": lambda _partition, _now: teams(),
    }
    bus = Bus([assignment(), notifier(), visits(b"k" * 32)], ManualClock(EVENING), references)
    bus.publish(known())
    return bus


def snapshot(bus: Bus, day: date, taken_at: datetime) -> None:
    loan = LoanSnapshot(
        loan_id="L-1", days_past_due=3, arrears=past_due(500), outstanding_principal=Decimal("9000.00"),
        status="overdue",
    )  # fmt: skip
    bus.publish(BorrowerSnapshot(borrower_id=BORROWER, business_date=day, loans=(loan,)), time=taken_at)


def pays_all(bus: Bus) -> None:
    payment = LoanPaymentReceived(
        payment_id="P", loan_id="L-1", borrower_id=BORROWER, currency="CNY", amount=Decimal("500.00"),
        value_date=bus.clock.now().date(), arrears_after=past_due(0), days_past_due_after=0,
    )  # fmt: skip
    bus.publish(payment)


def standing(bus: Bus) -> tuple[str, str, str]:
    books, owed = bus.state("assignment", BORROWER), bus.state("notifier", BORROWER)
    visited = bus.state("visits", BORROWER).loans["L-1"].status
    return ("due" if books.loans[0].due else "clear"), owed.loan("L-1").standing, visited


AHEAD = [timedelta(0), 90 * MINUTE, 3 * HOUR, 400 * DAY]


@pytest.mark.parametrize("days", [0, 1, 400])
@pytest.mark.parametrize("ahead", AHEAD, ids=str)
def test_a_payment_in_full_after_a_snapshot_dated_ahead_settles_the_loan_everywhere(bus, ahead, days):
    snapshot(bus, EVENING.date() + days * DAY, EVENING + ahead)
    assert standing(bus) == ("due", "overdue", "overdue"), "what was lost is repaired"
    bus.clock.instant += 20 * MINUTE
    pays_all(bus)
    assert standing(bus) == ("clear", "clear", "paid")
    bus.publish(LoanCured(loan_id="L-1", borrower_id=BORROWER, business_date=EVENING.date()))
    assert standing(bus) == ("clear", "clear", "cured")
    assert [case.outcome for case in bus.said_of(CaseClosed)] == ["cured"]
    bus.advance_to(EVENING + DAY)
    assert [c.state for c in bus.state("notifier", BORROWER).contacts if c.state != "cancelled"] == []


@pytest.mark.parametrize("days", [0, 1])
def test_a_cure_after_a_snapshot_dated_ahead_is_enough(bus, days):
    snapshot(bus, EVENING.date() + days * DAY, EVENING + 3 * HOUR)
    bus.clock.instant += MINUTE
    bus.publish(LoanCured(loan_id="L-1", borrower_id=BORROWER, business_date=EVENING.date()))
    assert standing(bus) == ("clear", "clear", "cured")


def test_a_repair_names_no_time_and_no_day_that_had_not_come(bus):
    snapshot(bus, EVENING.date() + 400 * DAY, EVENING + 400 * DAY)
    repaired = bus.said_of(LoanRepaired)[0]
    assert (repaired.taken_at, repaired.business_date) == (EVENING, EVENING.date() + DAY)


@pytest.mark.parametrize("days", [0, 1])
def test_a_repair_that_is_read_after_a_later_cure_starts_nothing(bus, days):
    """Topics are read side by side: who is behind on the cases hears the bank's cure first."""
    snapshot(bus, EVENING.date() + days * DAY, EVENING + 3 * HOUR)
    repaired = bus.said_of(LoanRepaired)[0]
    bus.clock.instant += 20 * MINUTE
    bus.publish(LoanCured(loan_id="L-1", borrower_id=BORROWER, business_date=EVENING.date()))
    bus.publish(repaired)
    assert standing(bus) == ("clear", "clear", "cured")


def test_a_repair_that_is_itself_dated_ahead_does_not_outlast_the_payment(bus):
    """A log written before times were bounded is read again from its start."""
    snapshot(bus, EVENING.date(), EVENING)
    ahead = {"taken_at": EVENING + 400 * DAY, "business_date": EVENING.date() + 400 * DAY}
    bus.clock.instant += MINUTE
    bus.publish(bus.said_of(LoanRepaired)[0].model_copy(update=ahead))
    bus.clock.instant += MINUTE
    bus.publish(LoanCured(loan_id="L-1", borrower_id=BORROWER, business_date=EVENING.date()))
    assert standing(bus) == ("clear", "clear", "cured")
