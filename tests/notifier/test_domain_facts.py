"""Facts that come late, doubled or back-dated end in the same picture; what says nothing new says nothing."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.bank import LoanCured, LoanOverdue, LoanPaymentReceived
from services.notifier.domain import Borrower, fresh
from services.notifier.domain import loans as books
from tests.notifier.ladder_story import BORROWER, LOAN, MORNING, NOTHING, Story, known, money

DAY = timedelta(days=1)


def overdue(day, dpd, amount, version=None):
    return LoanOverdue(
        loan_id=LOAN,
        borrower_id=BORROWER,
        product="consumer_loan",
        currency="CNY",
        business_date=day,
        oldest_due_date=day - dpd * DAY,
        days_past_due=dpd,
        arrears=money(f"{amount}.00", "0.00", "0.00"),
        outstanding_principal=Decimal("9000.00"),
        region="CN-GD",
        loan_version=version,
    )


def payment(number, day, dpd, amount, version=None):
    return LoanPaymentReceived(
        payment_id=f"PAY-{number}",
        loan_id=LOAN,
        borrower_id=BORROWER,
        currency="CNY",
        amount=Decimal("10"),
        value_date=day,
        arrears_after=money(f"{amount}.00", "0.00", "0.00"),
        days_past_due_after=dpd,
        loan_version=version,
    )


def fold(facts):
    state = fresh(BORROWER)
    for fact, happened in facts:
        if isinstance(fact, LoanOverdue):
            state = books.overdue(state, fact, happened)
        elif isinstance(fact, LoanCured):
            state = books.ended(state, LOAN, "clear", fact.business_date, happened)
        else:
            state = books.paid(state, fact, happened)
    loan = state.loan(LOAN)
    return loan.standing, loan.arrears, loan.past_due_since


happening = st.one_of(
    st.tuples(st.just("day"), st.just(0), st.just(0)),
    st.tuples(st.just("day"), st.just(0), st.just(0)),
    st.tuples(st.just("pays"), st.integers(1, 5), st.integers(0, 6)),
    st.tuples(st.just("pays_all"), st.just(0), st.integers(0, 3)),
    st.tuples(st.just("cured"), st.just(0), st.just(0)),
)


def history(happenings, *, versions):
    """What truly happened to a loan, as the bank says it: daily facts, payments with old value dates, cures."""
    at, since, owed, number, facts = MORNING, MORNING.date() - DAY, 1000, 0, []
    for kind, younger, back in happenings:
        at += timedelta(hours=1)
        version = len(facts) + 1 if versions else None
        today = at.date()
        if kind == "day":
            at += DAY
            since, owed = (since or at.date() - DAY), owed or 500
            facts.append((overdue(at.date(), (at.date() - since).days, owed, version), at))
        elif owed and kind.startswith("pays"):
            number += 1
            owed, since = (0, None) if kind == "pays_all" else (owed - 1, min(since + younger * DAY, today - DAY))
            dpd = (today - since).days if since else 0
            facts.append((payment(number, today - back * DAY, dpd, owed, version), at))
        elif kind == "cured" and not versions:
            owed, since = 0, None
            facts.append((LoanCured(loan_id=LOAN, borrower_id=BORROWER, business_date=today), at))
    return facts


@settings(max_examples=150, deadline=None)
@given(st.lists(happening, min_size=2, max_size=9), st.randoms(use_true_random=False), st.booleans())
def test_facts_in_any_order_and_any_number_end_in_the_same_picture(happenings, random, versions):
    facts = history(happenings, versions=versions)
    mixed = facts + [fact for fact in facts if random.random() < 0.3]
    random.shuffle(mixed)
    assert fold(mixed)[:2] == fold(facts)[:2]
    assert fold(facts + facts)[:2] == fold(facts)[:2]


def test_a_back_dated_payment_counts_as_what_it_leaves():
    day = MORNING.date()
    facts = [(overdue(day, 10, 500), MORNING), (payment(1, day - 8 * DAY, 4, 300), MORNING + timedelta(hours=1))]
    standing, arrears, since = fold(facts)
    assert (standing, arrears.total, since) == ("overdue", Decimal("300.00"), day - 4 * DAY)


def test_a_payment_that_leaves_nothing_is_a_stop_and_the_repetition_of_the_morning_is_none():
    day, later = MORNING.date(), MORNING + timedelta(hours=3)
    morning = (overdue(day, 10, 500), MORNING)
    paid = (payment(1, day, 0, 0), later)
    assert fold([morning, paid, morning])[0] == "clear"
    assert fold([paid, morning])[0] == "clear"


def test_at_the_same_instant_the_stop_wins():
    cured = (LoanCured(loan_id=LOAN, borrower_id=BORROWER, business_date=MORNING.date()), MORNING)
    again = (overdue(MORNING.date(), 3, 500), MORNING)
    assert fold([cured, again])[0] == fold([again, cured])[0] == "clear"


def test_the_loan_version_beats_every_date():
    day = MORNING.date()
    facts = [(overdue(day, 10, 500, version=4), MORNING), (overdue(day + DAY, 11, 900, version=3), MORNING + DAY)]
    assert fold(facts)[1].total == fold(facts[::-1])[1].total == Decimal("500.00")


def test_nothing_is_collected_of_a_loan_in_a_payment_of_zero_days():
    assert fold([(payment(1, MORNING.date(), 0, 0), MORNING)])[:2] == ("clear", fold([])[1])


def test_the_daily_repetition_is_cheap_it_asks_no_rule_and_keeps_the_state():
    story = Story().say(known()).overdue(1).carry()
    before = story.state
    story.bus.advance(timedelta(hours=15))
    story.overdue(2)
    after = story.state
    quiet = {"as_of": None, "heard": None}
    assert [replace(loan, **quiet) for loan in after.loans] == [replace(loan, **quiet) for loan in before.loans]
    assert replace(after, loans=()) == replace(before, loans=())


# -- any life at all --------------------------------------------------------------------------------------------------


ANSWERS = ("will_pay", "dispute", "hardship", "complaint", "stop_request", "wrong_person")
moves = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 90)),
    st.tuples(st.just("overdue"), st.sampled_from(["L-1", "L-2"])),
    st.tuples(st.just("pays"), st.sampled_from(["L-1", "L-2"])),
    st.tuples(st.just("pays_all"), st.sampled_from(["L-1", "L-2"])),
    st.tuples(st.just("cured"), st.sampled_from(["L-1", "L-2"])),
    st.tuples(st.just("answer"), st.sampled_from(ANSWERS)),
    st.tuples(st.just("hold"), st.sampled_from(["promise", "plan", "dispute", "officer"])),
    st.tuples(st.just("release"), st.sampled_from(["promise", "plan", "dispute", "officer", "stop_request"])),
    st.tuples(st.just("placed"), st.just("")),
    st.tuples(st.just("recalled"), st.just("")),
    st.tuples(st.just("permit"), st.integers(1, 4)),
    st.tuples(st.just("record"), st.sampled_from(["active", "active", "deceased", "no phone", "New York"])),
    st.tuples(st.just("carrier"), st.sampled_from(["delivered", "failed", "silent"])),
    st.tuples(st.just("claim"), st.just("")),
)
PERSONS = {
    "active": {},
    "deceased": {"status": "deceased"},
    "no phone": {"phones": ()},
    "New York": {"region": "US-NY", "time_zone": "America/New_York"},
}


def move(story, kind, what):
    actions = {
        "wait": lambda: story.bus.advance(timedelta(hours=what)) or story.carry(),
        "overdue": lambda: story.overdue(3, loan=what),
        "pays": lambda: story.pays(left=money(f"{100 + story.count}.00"), dpd=2, loan=what),
        "pays_all": lambda: story.pays(left=NOTHING, loan=what),
        "cured": lambda: story.cured(what),
        "answer": lambda: story.state.notices and story.answer(what),
        "hold": lambda: story.hold(what, f"H-{what}"),
        "release": lambda: story.release(what, f"H-{what}"),
        "placed": story.placed,
        "recalled": story.recalled,
        "permit": lambda: story.permit(visit=what, proof_id=next((p.proof_id for p in story.state.proofs), "none")),
        "record": lambda: story.say(known(**PERSONS[what])),
        "carrier": lambda: story.carrier.update(dict.fromkeys(("sms", "email", "letter"), what)),
        "claim": lambda: [story.send(contact.contact_id) for contact in story.pending()[:1]],
    }
    actions[kind]()


ENDS = {
    "contact.cancelled.v1": "contact_id",
    "contact.settled.v1": "contact_id",
    "notice.delivered.v1": "notice_id",
    "notice.failed.v1": "notice_id",
    "notice.unknown.v1": "notice_id",
}


def check(story):
    state, now = story.state, story.now
    assert state.wake_at is None or state.wake_at > now
    assert msgspec.json.decode(msgspec.json.encode(state), type=Borrower) == state
    free = [c for c in state.contacts if c.state in ("pending", "permitted")]
    if state.holds or (state.profile and state.profile.status != "active") or not state.overdue:
        assert free == []
    assert not [c for c in free if c.state == "pending" and not c.not_before <= now < c.expires_at]
    said = [(event.type, event.data) for event in story.bus.log]
    allowed = [data.contact_id for kind, data in said if kind == "contact.allowed.v1"]
    ended = [getattr(data, ENDS[kind]) for kind, data in said if kind in ENDS]
    assert len(set(allowed)) == len(allowed) or set(allowed) - set(ended)
    assert sorted(allowed) == sorted([*ended, *(c.contact_id for c in state.contacts)])
    sent = [data.notice_id for kind, data in said if kind == "notice.sent.v1"]
    assert len(set(sent)) == len(sent)
    assert set(sent) <= set(allowed)


@settings(max_examples=150, deadline=None)
@given(st.lists(moves, max_size=25))
def test_in_any_life_every_allowed_contact_ends_once_and_nothing_stands_against_a_stop(life):
    story = Story().say(known())
    for kind, what in life:
        move(story, kind, what)
        check(story)


@settings(max_examples=150, deadline=None)
@given(st.lists(moves, max_size=15), st.sampled_from(["overdue", "cured", "hold", "record"]))
def test_what_was_said_once_says_nothing_when_it_is_said_again(life, kind):
    story = Story().say(known())
    for each, what in life:
        move(story, each, what)
    what = {"overdue": "L-1", "cured": "L-1", "hold": "officer", "record": "active"}[kind]
    move(story, kind, what)
    before, said = story.state, len(story.bus.log)
    move(story, kind, what)
    assert story.state == before
    assert len(story.bus.log) == said + 1


def test_old_state_documents_still_read():
    assert msgspec.json.decode(b'{"borrower_id": "B-1"}', type=Borrower) == fresh("B-1")


@pytest.mark.parametrize("field", ["contacts", "history", "denials", "proofs", "recalled"])
def test_the_state_does_not_grow_with_the_years(field):
    story = Story().say(known())
    for year in range(6):
        story.overdue(1).days(20, hours=4).placed(f"P-{year}").recalled(f"P-{year}").cured().days(3, hours=4)
    assert len(getattr(story.state, field)) <= 5
