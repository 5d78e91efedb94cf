"""Examples told anew, so that they fit the day on which somebody tries them."""

import json
from datetime import UTC, date, datetime

import pytest

from schemas.contract import check_line
from schemas.dated import NoSuchField, told_at, with_value
from schemas.freeze import EXAMPLES
from schemas.language import KINDS

NOW = datetime(2026, 11, 23, 17, 40, tzinfo=UTC)  # the 24th in China


def example(type_):
    return json.loads((EXAMPLES / f"{type_}.json").read_text(encoding="utf-8"))


def test_an_overdue_loan_is_overdue_since_yesterday_in_the_banks_own_zone():
    told = told_at(example("loan.overdue.v1"), NOW)
    assert told["time"] == "2026-11-24T01:40:00+08:00"
    data = told["data"]
    assert (data["business_date"], data["oldest_due_date"]) == ("2026-11-24", "2026-11-23")
    assert data["days_past_due"] == 1


@pytest.mark.parametrize("name", sorted(name for name, kind in KINDS.items() if kind.TOPIC.intake))
def test_what_outsiders_say_keeps_the_contract_and_is_dated_the_day_it_is_told(name):
    told = told_at(example(name), NOW)
    assert check_line(1, json.dumps(told)).problems == ()
    for field in ("business_date", "value_date"):
        assert told["data"].get(field, "2026-11-24") == "2026-11-24"


def test_told_at_another_moment_it_is_another_event():
    first, second = (told_at(example("loan.cured.v1"), NOW.replace(second=second)) for second in (1, 2))
    assert first["id"] != second["id"]


def test_days_past_due_fit_the_day_that_is_given_after_a_payment():
    data = example("loan.payment_received.v1")["data"]
    due = date.fromisoformat(example("loan.overdue.v1")["data"]["oldest_due_date"])
    assert (date.fromisoformat(data["value_date"]) - due).days == data["days_past_due_after"]


def test_other_values_take_the_place_of_the_examples_own():
    event = with_value(example("loan.payment_received.v1"), "arrears_after.principal", "0.00")
    event = with_value(with_value(event, "amount", "1652.53"), "data.days_past_due_after", "0")
    assert (event["data"]["arrears_after"]["principal"], event["data"]["amount"]) == ("0.00", "1652.53")
    assert event["data"]["days_past_due_after"] == 0


@pytest.mark.parametrize("path", ["amuont", "arrears_after", "arrears_after.principle", "amount.cents", ""])
def test_a_field_that_is_not_there_is_named_with_those_that_are(path):
    with pytest.raises(NoSuchField, match=r"arrears_after\.principal"):
        with_value(example("loan.payment_received.v1"), path, "1")
