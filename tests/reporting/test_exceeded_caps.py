"""A contact that proves to be one too many is shown with who made it and the rules that it breaks."""

from typing import Any

import pytest

from schemas import contacts
from services.kit.bench import Bench
from services.reporting.store.exceeded import exceeded
from services.reporting.store.ladder import denials
from tests.reporting.log import LATER, Log, day, view, write

pytestmark = pytest.mark.stack


def allowed(number: int, by: str) -> contacts.ContactAllowed:
    named = {"contact_id": f"N-B1-{number}", "borrower_id": "B1", "loan_ids": ("L-B1",), "channel": "voice"}
    decided = {"proposed_for": day(1), "decided_at": day(1), "known_as_of": day(1), "local_time": "", "counters": {}}
    limits = {"time_zone": "Asia/Shanghai", "rulebook": "CN-2", "not_before": day(1), "expires_at": day(2)}
    every = {**named, **decided, **limits, "purpose": "call", "proposed_by": by, "reasons": (), "inputs": {}}
    return contacts.ContactAllowed.model_validate(every)


def settled(number: int, *rules: str) -> contacts.ContactSettled:
    values: dict[str, Any] = {"contact_id": f"N-B1-{number}", "borrower_id": "B1", "channel": "voice"}
    values |= {"purpose": "call", "outcome": "connected", "settled_at": day(2 + number), "exceeded": rules}
    return contacts.ContactSettled.model_validate(values)


def test_what_exceeds_a_cap_is_named_with_its_maker_and_its_rules_and_nothing_else_is(bench: Bench[Any, Any]) -> None:
    log = Log()
    for number, (by, rules) in enumerate(
        (("A-south", ("CN-FREQ-02",)), ("A-south", ()), ("officer-7", ("CN-FREQ-03",)))
    ):
        log.tell(allowed(number, by), day(1), recorded=day(1))
        log.tell(settled(number, *rules), day(2 + number), recorded=day(2 + number))
    write(bench, log.records)
    with bench.engine.connect() as db:
        found = [(one.contact_id, one.by, one.rules) for one in exceeded(db, view(LATER))]
        earlier = [one.contact_id for one in exceeded(db, view(day(3)))]
        denied = denials(db, view(LATER))
    assert found == [("N-B1-2", "officer-7", ["CN-FREQ-03"]), ("N-B1-0", "A-south", ["CN-FREQ-02"])]
    assert earlier == ["N-B1-0"]
    assert denied == [], "none of them was denied"
