"""What agencies and officers made under a permit counts as wrongful like our own: told over REST, or on their topic."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas import agencies, bank, contacts
from schemas.envelope import Fact
from services.kit.bench import Bench
from services.reporting.domain.stops import Made, made
from services.reporting.store.stops import wrongful
from tests.reporting.log import LATER, NOTHING, TODAY, Log, day, overdue, paid, view, write

CALL = "N-B1-1"
Told = tuple[Fact, float]


def permit(*loans: str, party: str = "debtor", contact: str = CALL) -> contacts.ContactAllowed:
    """The gate's word that a call may be made, from the first day to the ninth."""
    named = {"contact_id": contact, "borrower_id": "B1", "loan_ids": loans or ("L-B1",), "channel": "voice"}
    decided = {"proposed_for": day(0), "decided_at": day(0), "known_as_of": day(0), "local_time": "", "party": party}
    limits = {"time_zone": "Asia/Shanghai", "rulebook": "CN-2", "not_before": day(0), "expires_at": day(9)}
    return contacts.ContactAllowed.model_validate(named | decided | limits | {"purpose": "call", "proposed_by": "A-1"})


def settled(at: datetime | None, channel: str = "voice", outcome: str = "connected") -> contacts.ContactSettled:
    """What became of it, as notifier says when it was told over REST."""
    values = {"contact_id": CALL, "borrower_id": "B1", "channel": channel, "purpose": "call", "outcome": outcome}
    return contacts.ContactSettled.model_validate(values | {"settled_at": day(9), "made_at": at})


def reported(at: datetime, contact: str = CALL) -> agencies.CallReported:
    """The same on the agencies' topic."""
    named = {"report_id": f"R-{contact}", "borrower_id": "B1", "agency_id": "A-1", "contact_id": contact}
    return agencies.CallReported(**named, placement_id="P-B1-1", called_at=at, connected=True)


DISPUTE = contacts.DisputeRaised(
    dispute_id="D-1", borrower_id="B1", loan_ids=("L-B1",), raised_at=day(1), via="officer"
)
NO_CALLS = contacts.ContactStopRequested(
    request_id="S-1", borrower_id="B1", requested_at=day(1), via="link", channels=("voice",)
)
NO_MAIL = NO_CALLS.model_copy(update={"channels": ("email",)})
DEATH = bank.BorrowerRecorded(
    borrower_id="B1", region="CN-GD", time_zone="Asia/Shanghai", language="zh-CN", name="x", status="deceased",
    vulnerable=False,
)  # fmt: skip


def found(bench: Bench[Any, Any], *told: Told) -> dict[str, str]:
    """Contact and stop of each wrongful contact of a log of (fact, day on which it was recorded)."""
    log = Log()
    for fact, at in told:
        log.tell(fact, day(at), recorded=day(at))
    write(bench, log.records)
    with bench.engine.connect() as db:
        return {w.contact_id: w.kind for w in wrongful(db, view(LATER))}


@pytest.mark.stack
@pytest.mark.parametrize("told", [settled, reported])
@pytest.mark.parametrize(
    ("before", "kind"),
    [
        ([], None),
        ([(DISPUTE, 1)], "dispute"),
        ([(DISPUTE, 2.5)], None),
        ([(NO_CALLS, 1)], "stop_request voice"),
        ([(NO_MAIL, 1)], None),
        ([(paid(left=NOTHING), 1)], "settled"),
        ([(paid(loan="L-2", left=NOTHING), 1)], None),
        ([(paid(left=NOTHING), 1), (overdue(on=TODAY + timedelta(days=2)), 1.5)], None),
    ],
    ids=["nothing", "dispute", "dispute after", "no calls", "no mail", "paid", "another loan", "overdue again"],
)
def test_a_call_after_a_stop_is_wrongful_whoever_made_it(
    bench: Bench[Any, Any], told: Any, before: Any, kind: Any
) -> None:
    told_late = (told(day(2)), 3)
    expected = {CALL: kind} if kind else {}
    assert found(bench, (permit(), 0), *before, told_late) == expected


@pytest.mark.stack
def test_one_call_that_is_told_twice_is_one(bench: Bench[Any, Any]) -> None:
    assert len(found(bench, (permit(), 0), (DISPUTE, 1), (settled(day(2)), 2), (reported(day(2)), 2))) == 1


@pytest.mark.stack
@pytest.mark.parametrize(("party", "count"), [("debtor", 1), ("contact_person", 0)])
def test_contact_persons_may_be_asked_for_who_has_died(bench: Bench[Any, Any], party: str, count: int) -> None:
    assert len(found(bench, (permit(party=party), 0), (DEATH, 1), (settled(day(2)), 2))) == count


@pytest.mark.stack
def test_a_call_without_a_permit_is_held_against_what_stops_the_borrower(bench: Bench[Any, Any]) -> None:
    calls = (reported(day(2)), 2), (reported(day(4), "N-B1-2"), 4)
    assert found(bench, (paid(left=NOTHING), 1), (DISPUTE, 3), *calls) == {"N-B1-2": "dispute"}


@pytest.mark.stack
def test_no_report_about_somebody_else_hides_a_wrongful_call(bench: Bench[Any, Any]) -> None:
    other = reported(day(2)).model_copy(update={"borrower_id": "B2"})
    stopped = DISPUTE.model_copy(update={"borrower_id": "B2"})
    told: tuple[Told, ...] = ((DISPUTE, 1), (stopped, 1), (settled(day(2)), 2), (other, 2))
    log = Log()
    for fact, at in told:
        log.tell(fact, day(at), recorded=day(at))
    write(bench, log.records)
    with bench.engine.connect() as db:
        assert sorted(w.borrower_id for w in wrongful(db, view(LATER))) == ["B1", "B2"]


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (settled(day(2)), Made(CALL, "B1", (), day(2), "voice")),
        (settled(day(2), "email", "unanswered"), Made(CALL, "B1", (), day(2), "email")),
        (settled(None, outcome="unreported"), None),
        (settled(day(2), "visit", "made"), None),
        (reported(day(2)), Made(CALL, "B1", (), day(2), "voice")),
        (reported(day(7)), Made(CALL, "B1", (), day(3), "voice")),
    ],
    ids=["told", "nobody answered", "nobody told", "a visit, which arrived", "reported", "a clock that is ahead"],
)
def test_what_others_made_is_known_by_when_they_say_that_it_was(fact: Fact, expected: Made | None) -> None:
    assert made(fact, day(3)) == expected
