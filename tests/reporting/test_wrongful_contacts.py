"""A contact made more than a second after a stopping fact was recorded is wrongful, whatever was read first."""

import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import bank, cases, contacts
from services.kit.bench import Bench
from services.reporting.store.stops import wrongful
from tests.reporting.conftest import empty
from tests.reporting.log import (
    LATER,
    TODAY,
    Log,
    arrears,
    arrived,
    by_topic,
    day,
    overdue,
    paid,
    restructured,
    sent,
    view,
    write,
)
from tests.reporting.town import Town

pytestmark = pytest.mark.stack
SECOND = timedelta(seconds=1)
DAY_ONE = day(1)


def found(bench, records):
    write(bench, records)
    with bench.engine.connect() as db:
        return {w.contact_id: w.kind for w in wrongful(db, view(LATER))}


def told(*facts):
    """A log of (fact, instant recorded)."""
    log = Log()
    for fact, at in facts:
        log.tell(fact, at, recorded=at)
    return log.records


def dispute(at=DAY_ONE):
    return contacts.DisputeRaised(dispute_id="D-B1-1", borrower_id="B1", loan_ids=("L-B1",), raised_at=at, via="link")


def resolved(*, upheld):
    return cases.DisputeResolved(
        case_id="C-B1-1", borrower_id="B1", dispute_id="D-B1-1", upheld=upheld, reason="checked", resolved_at=day(2)
    )


def hold(release=False, until=None, reason="promise"):
    named = {"case_id": "C-B1-1", "borrower_id": "B1", "hold_id": "H-B1-1", "reason": reason}
    if release:
        return cases.HoldReleased(**named, why="broken", released_at=day(2))
    return cases.HoldPlaced(**named, until=until, placed_at=day(1))


def pause(until=None):
    return bank.LoanPaused(loan_id="L-B1", borrower_id="B1", from_date=TODAY, until_date=until, reason="flood")


def declared():
    return contacts.HardshipDeclared(
        hardship_id="HD-1", borrower_id="B1", loan_ids=("L-B1",), declared_at=day(1), via="link"
    )


def granted(until):
    return cases.HardshipGranted(
        case_id="C-B1-1", borrower_id="B1", hardship_id="HD-1", relief="pause", until=until, reason="illness",
        granted_at=day(2),
    )  # fmt: skip


STOPS = {
    "paid": paid(),
    "cured": bank.LoanCured(loan_id="L-B1", borrower_id="B1", business_date=TODAY),
    "restructured": restructured(),
    "closed": bank.LoanClosed(loan_id="L-B1", borrower_id="B1", business_date=TODAY, reason="repaid"),
    "paused": pause(),
    "dispute": dispute(),
    "hardship": declared(),
    "relief": granted(None),
    "stop request": contacts.ContactStopRequested(request_id="S-1", borrower_id="B1", requested_at=day(1), via="link"),
    "complaint": contacts.NoticeAnswered(
        answer_id="A-1",
        notice_id="N-B1-1",
        borrower_id="B1",
        loan_ids=("L-B1",),
        answer="complaint",
        answered_at=day(1),
    ),
    "death": bank.BorrowerRecorded(
        borrower_id="B1",
        region="CN-GD",
        time_zone="Asia/Shanghai",
        language="zh-CN",
        name="x",
        status="deceased",
        vulnerable=False,
    ),
    "promise": hold(),
}


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS.keys())
@pytest.mark.parametrize("contact", [sent, arrived], ids=["notice", "visit"])
def test_a_contact_after_any_stop_is_wrongful(bench: Bench, stop, contact):
    at = day(1) + 3 * SECOND
    facts = told((overdue(), day(0)), (stop, day(1)), (contact(at=at), at))
    assert len(found(bench, facts)) == 1


@pytest.mark.parametrize(("after", "count"), [(0.5, 0), (1.0, 0), (1.001, 1), (-5, 0)])
def test_the_stop_has_one_second_to_be_obeyed(bench: Bench, after, count):
    at = day(1) + after * SECOND
    assert len(found(bench, told((paid(), day(1)), (sent(at=at), at)))) == count


@pytest.mark.parametrize(
    ("stop", "release"),
    [
        (paid(), overdue(on=TODAY + timedelta(days=2))),
        (
            paid(),
            bank.LoanPaymentReversed(
                payment_id="X1", loan_id="L-B1", borrower_id="B1", currency="CNY", amount="1000.00", value_date=TODAY,
                arrears_after=arrears(), days_past_due_after=3, reason="bounced",
            ),
        ),
        (paid(), paid(payment="X2", left=arrears(), days=3)),
        (dispute(), resolved(upheld=False)),
        (dispute(), hold(release=True, reason="dispute")),
        (hold(), hold(release=True)),
        (pause(), bank.LoanResumed(loan_id="L-B1", borrower_id="B1", from_date=TODAY, reason="over")),
        (pause(until=TODAY + timedelta(days=2)), overdue()),
        (hold(until=day(2)), overdue()),
    ],
    ids=[
        "overdue", "taken back", "paid in part", "not upheld", "hold released", "promise over", "resumed",
        "pause ran out", "until",
    ],
)  # fmt: skip
def test_what_releases_a_stop_makes_contact_lawful_again(bench: Bench, stop, release):
    before, after = day(1.9), day(3)
    facts = told((stop, day(1)), (sent(n=1, at=before), before), (release, day(2)), (sent(n=2, at=after), after))
    assert set(found(bench, facts)) == {"N-B1-1"}


@pytest.mark.parametrize(
    "release", [overdue(), resolved(upheld=True), hold(release=True)], ids=["overdue", "upheld", "other"]
)
def test_a_dispute_stands_until_it_is_answered_in_the_lenders_favour(bench: Bench, release):
    assert set(found(bench, told((dispute(), day(1)), (release, day(2)), (sent(at=day(3)), day(3))))) == {"N-B1-1"}


def test_an_upheld_dispute_is_over_once_the_bank_has_put_the_loan_right(bench: Bench):
    """What falls due on the loan afterwards is another claim."""
    due = bank.LoanDueSoon(
        loan_id="L-B1", borrower_id="B1", product="micro_loan", currency="CNY", due_date=TODAY, amount_due="100.00",
        business_date=TODAY,
    )  # fmt: skip
    upheld = (dispute(), day(1)), (resolved(upheld=True), day(2)), (due, day(2.2)), (sent(n=1, at=day(2.5)), day(2.5))
    right = (STOPS["cured"], day(3)), (due.model_copy(update={"due_date": TODAY + timedelta(30)}), day(4))
    assert set(found(bench, told(*upheld, *right, (sent(n=2, at=day(5)), day(5))))) == {"N-B1-1"}


def test_relief_stands_for_as_long_as_it_was_granted(bench: Bench):
    last = TODAY + timedelta(days=3)
    closed = cases.CaseClosed(
        case_id="C-B1-1", borrower_id="B1", outcome="hardship_relief", stage="noticed", opened_at=day(0),
        closed_at=day(2), paid="0", currency="CNY", loan_ids=("L-B1",),
    )  # fmt: skip
    stops = (declared(), day(1)), (granted(last), day(2)), (closed, day(2.1))
    made = [(sent(n=1, at=day(1.5)), day(1.5)), (sent(n=2, at=day(2.5)), day(2.5)), (sent(n=3, at=day(6)), day(6))]
    assert set(found(bench, told(*stops, *made))) == {"N-B1-1", "N-B1-2"}


def test_a_daily_repetition_does_not_end_a_pause(bench: Bench):
    assert found(bench, told((pause(), day(1)), (overdue(), day(2)), (sent(at=day(3)), day(3))))


def version(fact, number):
    return fact.model_copy(update={"loan_version": number})


CURED_LATE = bank.LoanCured(loan_id="L-B1", borrower_id="B1", business_date=TODAY - timedelta(days=3))


@pytest.mark.parametrize(
    ("before", "stop", "after"),
    [
        (version(overdue(), 5), version(paid(), 5), version(overdue(on=TODAY + timedelta(days=2)), 5)),
        (overdue(on=TODAY + timedelta(days=40)), paid(), overdue()),
        (overdue(on=TODAY + timedelta(days=1)), CURED_LATE, overdue()),
        (version(overdue(), 9), STOPS["closed"], version(overdue(on=TODAY + timedelta(days=2)), 9)),
    ],
    ids=["one version", "dated ahead", "an older business day", "closed"],
)
def test_a_stop_that_is_not_provably_old_stands_until_something_provably_new(bench: Bench, before, stop, after):
    at = day(3)
    new = version(overdue(on=TODAY + timedelta(days=4)), 10)
    facts = told(
        (before, day(0.1)), (stop, day(1)), (after, day(1.5)), (sent(n=1, at=at), at), (new, day(4)),
        (sent(n=2, at=day(5)), day(5)),
    )  # fmt: skip
    assert set(found(bench, facts)) == {"N-B1-1"}


def test_another_loan_that_is_paid_stops_nothing(bench: Bench):
    facts = told((paid(loan="L-2"), day(1)), (sent(at=day(2), loans=("L-B1",)), day(2)))
    assert found(bench, facts) == {}


def test_a_notice_that_names_a_paid_loan_beside_an_overdue_one_is_wrongful(bench: Bench):
    facts = told((paid(loan="L-2"), day(1)), (sent(at=day(2), loans=("L-B1", "L-2")), day(2)))
    assert found(bench, facts) == {"N-B1-1": "settled"}


def stop_request(*channels):
    return contacts.ContactStopRequested(
        request_id="S-1", borrower_id="B1", requested_at=day(1), via="link", channels=channels
    )


def consent(channel=None, until=None, at=2):
    return contacts.ConsentGiven(
        consent_id="CO-1", borrower_id="B1", kind="channel", channel=channel, given_at=day(at), expires_at=until
    )


def by_bank(given):
    allowed = bank.Consent(consent_id="CO-9", kind="channel", given_at=given)
    return STOPS["death"].model_copy(update={"status": "active", "consents": (allowed,)})


def made(at=3):
    return (sent(n=1, at=day(at)), day(at)), (sent(n=2, at=day(at), channel="email"), day(at))


@pytest.mark.parametrize(
    ("facts", "wrongful"),
    [
        ([(stop_request("sms"), 1)], {"N-B1-1": "stop_request sms"}),
        ([(stop_request("voice", "visit"), 1)], {}),
        ([(stop_request(), 1)], {"N-B1-1": "stop_request sms", "N-B1-2": "stop_request email"}),
        ([(stop_request(), 1), (consent("sms"), 2)], {"N-B1-2": "stop_request email"}),
        ([(stop_request(), 1), (consent("sms", until=day(2.5)), 2)], {"N-B1-1", "N-B1-2"}),
        ([(stop_request(), 1), (consent(), 2)], {}),
        ([(consent(at=0.5), 0.5), (stop_request("sms"), 1)], {"N-B1-1"}),
        ([(stop_request("sms"), 1), (by_bank(day(1.5)), 2)], {}),
        ([(stop_request("sms"), 1), (by_bank(day(0)), 2)], {"N-B1-1"}),
        ([(stop_request("sms"), 1), (hold(release=True, reason="stop_request"), 2)], {}),
    ],
)
def test_a_stopped_channel_is_stopped_until_a_later_consent_and_the_others_are_free(bench: Bench, facts, wrongful):
    kinds = found(bench, told(*((fact, day(at)) for fact, at in facts), *made()))
    assert (kinds if isinstance(wrongful, dict) else set(kinds)) == wrongful


def test_a_visit_is_wrongful_where_visits_are_stopped(bench: Bench):
    facts = told((stop_request("visit"), day(1)), (arrived(at=day(2)), day(2)), *made())
    assert set(found(bench, facts)) == {"V-B1-1"}


def test_a_town_has_none(bench: Bench):
    assert found(bench, by_topic(Town(seed=3).log(40).records)) == {}


FACTS = st.sampled_from(["overdue", "paid", "dispute", "resolved", "hold", "release", "notice"])
BUILD = {
    "overdue": lambda _n, at: overdue(on=at.date()),
    "paid": lambda n, _at: paid(payment=f"X{n}"),
    "dispute": lambda _n, at: dispute(at),
    "resolved": lambda _n, _at: resolved(upheld=False),
    "hold": lambda _n, _at: hold(),
    "release": lambda _n, _at: hold(release=True),
    "notice": lambda n, at: sent(n=n, at=at),
}
PAIRS = {"paid": "overdue", "dispute": "resolved", "hold": "release"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(FACTS, min_size=1, max_size=14), seed=st.integers(0, 1000))
def test_any_history_read_in_any_order_of_topics_gives_what_a_plain_walk_gives(bench: Bench, kinds, seed):
    empty(bench.engine)
    records = told(*((BUILD[kind](n, day(n)), day(n)) for n, kind in enumerate(kinds)))
    standing, expected = set(), set()
    for number, kind in enumerate(kinds):
        standing |= {kind} & PAIRS.keys()
        standing -= {stop for stop, release in PAIRS.items() if release == kind}
        if kind == "notice" and standing:
            expected.add(f"N-B1-{number}")
    topics = sorted({origin.topic for _, origin in records})
    random.Random(seed).shuffle(topics)
    shuffled = sorted(records, key=lambda r: (topics.index(r[1].topic), r[1].offset))
    assert set(found(bench, shuffled)) == expected
