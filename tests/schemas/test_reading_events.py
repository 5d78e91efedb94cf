"""How bytes become an event, and what a producer is told when they do not."""

import json
from decimal import Decimal

import pytest

from schemas.bank import LoanOverdue, LoanPaymentReceived
from schemas.contract import check_lines
from schemas.envelope import Unreadable, read_record, read_structured
from schemas.freeze import EXAMPLES
from schemas.topics import CONTACTS, LOANS


def example(type_, **changes):
    event = json.loads((EXAMPLES / f"{type_}.json").read_text(encoding="utf-8"))
    event["data"] |= changes
    return event


def problems(*events, topic=None):
    lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
    return [(p.line, p.field, p.what) for checked in check_lines(lines, topic) for p in checked.problems]


def test_amounts_are_exact_decimals():
    event = read_structured(json.dumps(example("loan.overdue.v1")).encode())
    assert isinstance(event.data, LoanOverdue)
    assert event.data.arrears.total == Decimal("1652.53")


@pytest.mark.parametrize("amount", [1000.0, 1000, "1e3", "12.345", "NaN", "", "1,000.00", None])
def test_an_amount_that_is_not_a_decimal_string_is_refused(amount):
    with pytest.raises(Unreadable) as refused:
        read_structured(json.dumps(example("loan.payment_received.v1", amount=amount)).encode())
    assert "data.amount" in str(refused.value)


def test_an_unknown_optional_field_does_not_stop_a_reader():
    assert read_structured(json.dumps(example("loan.cured.v1", note="new")).encode()).data.key == "B-10482"


def test_binary_mode_reads_the_same_on_intake_topics():
    event = example("loan.payment_received.v1")
    headers = {
        f"ce_{name}": str(value).encode() for name, value in event.items() if name not in ("data", "datacontenttype")
    }
    headers["content-type"] = b"application/json"
    read = read_record(json.dumps(event["data"]).encode(), headers, intake=True)
    assert isinstance(read.data, LoanPaymentReceived)
    assert read == read_structured(json.dumps(event).encode())


def test_binary_mode_is_not_read_on_our_own_topics():
    event = example("loan.cured.v1")
    with pytest.raises(Unreadable):
        read_record(json.dumps(event["data"]).encode(), {"ce_type": b"loan.cured.v1"}, intake=CONTACTS.intake)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no value"),
        (b"\x00\xff", "not JSON"),
        (b"[]", "breaks the contract"),
        (b'{"type": "loan.ovredue.v1"}', "unknown event type"),
        (b"{}", "unknown event type"),
    ],
)
def test_what_will_never_be_an_event_says_why(value, reason):
    with pytest.raises(Unreadable, match=reason):
        read_structured(value)


def test_no_value_of_a_broken_event_is_repeated_in_the_reason():
    with pytest.raises(Unreadable) as refused:
        read_structured(json.dumps(example("borrower.recorded.v1", name=["Secret Name"])).encode())
    assert "Secret" not in str(refused.value)


def test_the_producer_is_told_line_and_field():
    good, bad = example("loan.cured.v1"), example("loan.overdue.v1", days_past_due=0, arrears={"principal": 1})
    found = problems(good, "", "{", bad)
    assert {(line, field) for line, field, _ in found} == {
        (3, "event"),
        (4, "data.days_past_due"),
        (4, "data.arrears.principal"),
        (4, "data.arrears.interest"),
        (4, "data.arrears.fees"),
    }


def test_a_misspelt_field_is_found_with_the_name_that_was_meant():
    event = example("loan.overdue.v1", loan_versoin=3)
    event["data"]["arrears"]["penalty"] = "1.00"
    found = problems(event)
    assert (1, "data.loan_versoin", "is not a field of the contract; did you mean 'loan_version'?") in found
    assert any(field == "data.arrears.penalty" for _, field, _ in found)


def test_an_id_used_for_two_things_is_found():
    assert problems(example("loan.cured.v1"), example("loan.cured.v1", loan_id="L-2"))[0][:2] == (2, "id")
    assert problems(example("loan.cured.v1"), example("loan.cured.v1")) == []


def test_an_event_on_the_wrong_topic_is_found():
    assert problems(example("borrower.snapshot.v1"), topic=LOANS)[0][1] == "type"


def test_a_partition_key_that_is_not_the_record_key_is_found():
    assert problems(example("loan.cured.v1") | {"partitionkey": "L-77120"})[0][1] == "partitionkey"
