"""A repair lifts the stop of a loan only where the snapshot was taken after it."""

from datetime import timedelta

import pytest

from schemas import cases
from schemas.values import Arrears
from services.kit.bench import Bench
from tests.reporting.log import TODAY, day, overdue, paid, sent
from tests.reporting.test_wrongful_contacts import found, told

pytestmark = pytest.mark.stack


def repaired(taken_at, on, version=None):
    return cases.LoanRepaired(
        case_id="C-B1-1", borrower_id="B1", loan_id="L-B1", found="never told", business_date=on, taken_at=taken_at,
        status="overdue", days_past_due=3, arrears=Arrears(principal="1000.00", interest="0.00", fees="0.00"),
        currency="CNY", loan_version=version,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("taken", "on", "wrongful"),
    [(day(1.9), 1, set()), (day(0.5), 1, {"N-B1-1"}), (day(0.5), 2, {"N-B1-1"}), (day(400), 400, set())],
    ids=["taken later", "taken before", "taken before, of the next day", "dated ahead, and told later"],
)
def test_a_repair_lifts_no_stop_that_was_said_after_its_snapshot(bench: Bench, taken, on, wrongful):
    fact = repaired(taken, TODAY + timedelta(days=on))
    facts = told((overdue(), day(0.1)), (paid(), day(1)), (fact, day(2)), (sent(n=1, at=day(3)), day(3)))
    assert set(found(bench, facts)) == wrongful


def test_a_repair_dated_ahead_does_not_outlast_the_payment_that_follows(bench: Bench):
    ahead = repaired(day(400), TODAY + timedelta(days=400))
    facts = told((ahead, day(1)), (paid(), day(2)), (sent(n=1, at=day(3)), day(3)))
    assert set(found(bench, facts)) == {"N-B1-1"}
