"""What `arrears trace` says of a fact."""

import json

from deploy.trace import moment_of
from schemas.freeze import EXAMPLES


def row(type_):
    data = json.loads((EXAMPLES / f"{type_}.json").read_text(encoding="utf-8"))["data"]
    columns = ("subject_id", "label", "detail", "amount", "currency", "causation_id", "valid_time")
    place = {"topic": "collections.contacts.v1", "partition": 3, "offset": 17}
    return {**dict.fromkeys(columns), **place, "type": type_, "event_id": "E-1", "data": data}


def test_a_denial_says_which_rules_stood_against_it_and_until_when():
    fact = row("contact.denied.v1")
    words = moment_of(fact).words
    assert fact["data"]["reasons"]
    for reason in fact["data"]["reasons"]:
        assert f"{reason['rule_id']}: {reason['text']}" in words
    assert fact["data"]["retry_at"] in words


def test_a_fact_without_reasons_says_none():
    assert moment_of({**row("loan.cured.v1"), "subject_id": "L-1"}).words == "L-1"
