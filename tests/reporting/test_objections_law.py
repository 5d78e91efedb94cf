"""Each dispute and each hardship has one answer, by its own id, and none waits for ever."""

from datetime import timedelta

import pytest

from schemas import cases, contacts
from services.kit.bench import Bench
from services.reporting.store.laws import objections
from tests.reporting.log import LATER, Log, day, view, write

pytestmark = pytest.mark.stack


def disputed(name="D-1"):
    return contacts.DisputeRaised(dispute_id=name, borrower_id="B1", loan_ids=("L-B1",), raised_at=day(1), via="link")


def resolved(name="D-1", upheld=False):
    return cases.DisputeResolved(
        case_id="C-B1-1", borrower_id="B1", dispute_id=name, upheld=upheld, reason="looked", resolved_at=day(3)
    )


def declared(name="HD-1"):
    return contacts.HardshipDeclared(
        hardship_id=name, borrower_id="B1", loan_ids=("L-B1",), declared_at=day(1), via="link"
    )


def rejected(name="HD-1"):
    return cases.HardshipRejected(
        case_id="C-B1-1", borrower_id="B1", hardship_id=name, reason="no reason", rejected_at=day(3)
    )


def law(bench, *told, known=LATER):
    log = Log()
    for fact, at in told:
        log.tell(fact, at, recorded=at)
    write(bench, log.records)
    with bench.engine.connect() as db:
        return objections(db, view(known))


def test_what_is_answered_once_balances(bench: Bench):
    found = law(bench, (disputed(), day(1)), (resolved(), day(3)), (declared(), day(1)), (rejected(), day(3)))
    assert (found.holds, found.left, found.right) == (True, "2", "2")


def test_what_was_said_lately_is_open(bench: Bench):
    found = law(bench, (disputed(), day(1)), known=day(1) + timedelta(days=3))
    assert (found.holds, found.left, found.right) == (True, "1", "1")


@pytest.mark.parametrize(
    ("told", "offender"),
    [
        (((disputed(), day(1)), (disputed("D-2"), day(2)), (resolved(), day(4))), "D-2"),
        (((declared(), day(1)),), "HD-1"),
        (((resolved("D-9"), day(4)),), "D-9"),
        (((disputed(), day(1)), (resolved(), day(3)), (resolved(upheld=True), day(4))), "D-1"),
    ],
    ids=["the second is forgotten", "never answered", "never told", "answered twice"],
)
def test_what_is_not_answered_once_is_named(bench: Bench, told, offender):
    found = law(bench, *told, known=day(40))
    assert (found.holds, found.offenders) == (False, (offender,))
