"""No value that the contract lets in makes a later step fail, and no stop is lost to what stands beside it."""

import json
from datetime import date

import pytest

from schemas.bank import LoanClosed, LoanPaused
from schemas.contract import check_lines
from schemas.envelope import read_structured
from schemas.values import LAST_DAY
from tests.schemas.test_reading_events import example, problems

PAID, OVERDUE = "loan.payment_received.v1", "loan.overdue.v1"
NOTHING = {"principal": "0.00", "interest": "0.00", "fees": "0.00"}


def read(event):
    return read_structured(json.dumps(event).encode()).data


@pytest.mark.parametrize(
    "amount",
    ["١٢.50", "12.50\n", "-0.00", "-1.00", "0.00", "1000000000000.00"],
    ids=["arabic digits", "line end", "minus nothing", "negative", "nothing", "too much"],
)
def test_a_payment_of_a_sum_that_is_none_is_refused(amount):
    assert [field for _, field, _ in problems(example(PAID, amount=amount))] == ["data.amount"]


@pytest.mark.parametrize("days", [True, "5", 5.5, -1, 36_501, 2**63])
def test_days_past_due_are_a_number_of_days_that_a_life_can_have(days):
    assert [field for _, field, _ in problems(example(PAID, days_past_due_after=days))] == ["data.days_past_due_after"]


@pytest.mark.parametrize("day", [1700006400, "1700006400", "0001-01-01", "9999-12-31", "2026-01-01T00:00:00"])
def test_a_day_is_an_iso_day_of_our_times(day):
    assert [field for _, field, _ in problems(example(PAID, value_date=day))] == ["data.value_date"]


@pytest.mark.parametrize("instant", [1700006400, "1700006400", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"])
def test_an_instant_is_an_iso_instant_of_our_times(instant):
    assert [field for _, field, _ in problems(example(PAID) | {"time": instant})] == ["time"]


def test_a_loan_that_is_overdue_with_nothing_is_refused_and_the_right_fact_named():
    [(_, field, what)] = problems(example(OVERDUE, arrears=NOTHING))
    assert field == "data.arrears"
    assert "loan.cured" in what


@pytest.mark.parametrize("given", ["a/b", "a b", "a\x07b", "a\u200bb", "\ufeffa", "X" * 65, ""])
def test_an_id_is_printable_without_white_space_or_slash_and_leaves_room_for_what_is_made_of_it(given):
    assert [field for _, field, _ in problems(example("loan.cured.v1", loan_id=given))] == ["data.loan_id"]


@pytest.mark.parametrize("given", ["X" * 64, "借" * 64, "a'\";--", "%2e%2e", "😀" * 30])
def test_any_other_id_is_an_id(given):
    assert problems(example("loan.cured.v1", loan_id=given)) == []


def test_a_pause_until_the_end_of_all_calendars_has_no_end():
    fact = read(example("loan.paused.v1", until_date="9999-12-31"))
    assert isinstance(fact, LoanPaused)
    assert fact.until_date is None
    assert read(example("loan.paused.v1", until_date="2027-01-31")).until_date == date(2027, 1, 31)


def test_a_licence_without_end_ends_on_the_last_day_there_is():
    assert read(example("agency.licensed.v1", licensed_until="9999-12-31")).licensed_until == LAST_DAY


def test_a_consent_without_end_has_none():
    consent = {
        "consent_id": "c",
        "kind": "channel",
        "given_at": "2026-01-01T00:00:00Z",
        "expires_at": "9999-12-31T23:59:59-12:00",
    }
    assert read(example("borrower.recorded.v1", consents=[consent])).consents[0].expires_at is None


def test_a_stop_is_not_lost_to_what_its_remark_holds():
    fact = read(example("loan.closed.v1", reason="paid\x00 off\x1b\nin full" + "!" * 3000))
    assert isinstance(fact, LoanClosed)
    assert fact.reason.startswith("paid off\nin full!")
    assert len(fact.reason) == 2000


def test_no_name_and_no_zone_holds_a_control_character():
    fact = read(example("borrower.recorded.v1", name="Li\x00 Wei", time_zone="Asia/\x00Shanghai"))
    assert (fact.name, fact.time_zone) == ("Li Wei", "Asia/Shanghai")


def test_the_mark_at_the_beginning_of_a_file_belongs_to_the_file():
    line = json.dumps(example("loan.cured.v1"))
    assert [c.problems for c in check_lines(["\ufeff" + line + "\n", line + "\n"])] == [(), ()]
    [(_, field, _)] = problems(line, "\ufeff" + line)
    assert field == "event"
