"""Where loans stand: whatever dates facts bear, and in whatever currency, count and amount agree."""

from datetime import timedelta
from decimal import Decimal

import pytest

from schemas import bank
from services.kit.bench import Bench
from services.reporting.domain.figures import PastDue
from services.reporting.store.daily import daily
from services.reporting.store.portfolio import at_risk, moves, portfolio
from tests.reporting.log import NOTHING, TODAY, Log, arrears, by_topic, day, overdue, paid, restructured, view, write

pytestmark = pytest.mark.stack
ZONE = "Asia/Shanghai"
DAY_9, FUTURE = day(9), day(400)


def standing(bench: Bench, at=DAY_9):
    with bench.engine.connect() as db:
        return portfolio(db, view(at), ZONE)


def owing(amount):
    return arrears(amount, "0.00", "0.00")


def snapshot(borrower, amount):
    loan = bank.LoanSnapshot(
        loan_id=f"L-{borrower}",
        days_past_due=3,
        arrears=owing(amount),
        outstanding_principal=Decimal(amount),
        status="overdue",
    )
    return bank.BorrowerSnapshot(borrower_id=borrower, business_date=TODAY, loans=(loan,))


@pytest.fixture
def three_currencies(bench: Bench):
    log = Log()
    log.tell(overdue("B1", owed=owing("100.00"), outstanding_principal=Decimal("1000.00")), day(0))
    log.tell(overdue("B2", owed=owing("70.00"), currency="USD"), day(0))
    log.tell(snapshot("B3", "408.22"), day(0))
    write(bench, by_topic(log.records))


def test_a_cure_dated_ahead_clears_its_loan_when_the_broker_took_it(bench: Bench):
    log = Log()
    log.tell(overdue(owed=owing("777.77")), day(0))
    log.tell(bank.LoanCured(loan_id="L-B1", borrower_id="B1", business_date=TODAY), FUTURE, recorded=day(1))
    write(bench, by_topic(log.records))
    assert standing(bench).past_due == ()


def test_an_overdue_dated_ahead_is_past_due_and_a_payment_after_it_clears_it(bench: Bench):
    log = Log()
    ahead = overdue(owed=owing("555.55"), days=3, on=TODAY + timedelta(days=400))
    log.tell(ahead, FUTURE, recorded=day(1))
    later = log.tell(paid(amount="555.55", left=NOTHING), day(3))
    write(bench, [r for r in log.records if r[0] is not later])
    assert (standing(bench, day(2)).at_risk, standing(bench, day(2)).loans_overdue) == (Decimal("555.55"), 1)
    write(bench, [r for r in log.records if r[0] is later])
    assert standing(bench).past_due == ()


def test_a_payment_dated_ahead_counts_on_the_day_on_which_it_was_told(bench: Bench):
    log = Log()
    log.tell(paid(amount="20.00", left=owing("1.00"), days=1), FUTURE, recorded=day(1))
    write(bench, log.records)
    with bench.engine.connect() as db:
        assert daily(db, view(day(1.5)), ZONE, day(0.5))["payments"] == {"payment_received CNY": "20.00"}


def test_a_restructured_loan_is_no_longer_past_due(bench: Bench):
    log = Log()
    log.tell(overdue(owed=owing("1500.00")), day(0))
    log.tell(restructured(), day(1))
    write(bench, by_topic(log.records))
    assert standing(bench).past_due == ()


@pytest.mark.usefixtures("three_currencies")
def test_the_figures_of_a_currency_count_the_loans_whose_amounts_they_sum(bench: Bench):
    found = standing(bench, day(1))
    assert (found.currency, found.loans_overdue, found.borrowers_overdue, found.at_risk) == ("CNY", 1, 1, 100)
    assert sum(band.loans for band in found.overdue) == 1
    assert found.others == (
        PastDue("USD", 1, 1, Decimal("70.00"), Decimal("12000.00")),
        PastDue(None, 1, 1, Decimal("408.22"), Decimal("408.22")),
    )
    with bench.engine.connect() as db:
        assert [d.total for d in at_risk(db, view(day(1)), ZONE, 9, "CNY")] == [100, 100]
        assert {(m.currency, m.arrears) for m in moves(db, view(day(1)), ZONE, day(0.5))} == {
            ("CNY", 100),
            ("USD", 70),
            (None, Decimal("408.22")),
        }


@pytest.mark.usefixtures("three_currencies")
def test_the_daily_report_sums_one_currency_and_names_the_rest(bench: Bench):
    with bench.engine.connect() as db:
        figures = daily(db, view(day(1)), ZONE, day(0.5))
    assert (figures["at_risk"], figures["loans_overdue"], figures["arrears"]) == ("100.00", 1, {"M1": "100.00"})
    assert figures["others"] == {
        "USD": {"at_risk": "70.00", "loans_overdue": 1, "borrowers_overdue": 1},
        "unknown": {"at_risk": "408.22", "loans_overdue": 1, "borrowers_overdue": 1},
    }


@pytest.mark.usefixtures("three_currencies")
def test_a_currency_named_later_changes_nothing_that_was_known_before(bench: Bench):
    log = Log()
    log.tell(overdue("B3", owed=owing("408.22")), day(5))
    write(bench, log.records)
    assert standing(bench, day(1)).others[-1].currency is None
    assert standing(bench).at_risk == Decimal("508.22")


def test_loans_of_which_no_currency_is_known_are_counted_though_nothing_else_is(bench: Bench):
    log = Log()
    log.tell(snapshot("B3", "408.22"), day(0))
    write(bench, log.records)
    found = standing(bench)
    assert (found.currency, found.loans_overdue, found.at_risk, found.others) == (None, 1, Decimal("408.22"), ())
