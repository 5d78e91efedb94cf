"""How facts are read: every kind has a place, every name in the table exists, nothing personal comes in."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas import bank
from schemas.contacts import NoticeAnswered
from schemas.envelope import Fact
from schemas.topics import REPORTS
from services.reporting.domain.positions import bucket, positions
from services.reporting.domain.reading import READINGS, impersonal, read
from services.reporting.domain.upcoming import Told, waiting
from tests.reporting.log import NOTHING, START, TODAY, attributed, opened, overdue, paid, restructured, sent

READ = [kind for kind in Fact.KINDS.values() if kind.TOPIC is not REPORTS and kind.__module__.startswith("schemas.")]


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.TYPE)
def test_every_kind_of_fact_is_read_by_fields_that_it_has(kind):
    how = READINGS[kind]
    assert how.subject
    for path in (how.subject, how.label, how.detail, how.amount, how.at):
        assert not path or path.split(".")[0] in kind.model_fields


def test_a_fact_is_found_by_every_id_it_names():
    known = read(sent("B7", loans=("L-1", "L-2")))
    assert set(known.ids) == {"N-B7-1", "B7", "L-1", "L-2"}
    assert (known.subject_id, known.label, known.detail) == ("N-B7-1", "reminder", "sms")


def test_money_that_nobody_worked_for_names_no_case():
    known = read(attributed(case_id="none", to="unattributed"))
    assert known.case_id is None
    assert "none" not in known.ids


def test_what_a_borrower_wrote_or_is_called_never_comes_in():
    person = bank.BorrowerRecorded(
        borrower_id="B1",
        region="CN-GD",
        time_zone="Asia/Shanghai",
        language="zh-CN",
        name="王小明",
        phones=(bank.Phone(phone_id="PH-1", number="13800000000", source="contract"),),
        status="active",
        vulnerable=False,
    )
    answer = NoticeAnswered(
        answer_id="AN-1",
        notice_id="N-1",
        borrower_id="B1",
        loan_ids=("L-1",),
        answer="dispute",
        answered_at=datetime(2026, 1, 5, tzinfo=UTC),
        statement="我已经还清了",
    )
    assert set(impersonal(person)) == {
        "borrower_id",
        "region",
        "time_zone",
        "language",
        "status",
        "vulnerable",
        "consents",
    }
    assert "statement" not in impersonal(answer)


def test_amounts_keep_their_cents():
    assert impersonal(opened())["arrears"] == {"principal": "900.00", "interest": "90.00", "fees": "10.00"}


@pytest.mark.parametrize(
    ("days", "name"),
    [(0, "M0"), (1, "M1"), (30, "M1"), (31, "M2"), (60, "M2"), (61, "M3"), (90, "M3"), (91, "M4"), (999, "M4")],
)
def test_buckets_begin_where_the_trade_begins_them(days, name):
    assert bucket(days) == name


def test_a_payment_that_leaves_nothing_makes_the_loan_current():
    (position,) = positions(paid(left=NOTHING), datetime(2026, 1, 5, 3, tzinfo=UTC))
    assert (position.state, position.arrears, position.oldest_due_on) == ("current", 0, None)


def test_an_overdue_loan_is_past_due_since_its_oldest_due_date():
    (position,) = positions(overdue(days=12), datetime(2026, 1, 5, 3, tzinfo=UTC))
    assert (position.state, (TODAY - position.oldest_due_on).days) == ("overdue", 12)


def test_a_new_schedule_leaves_nothing_past_due():
    (position,) = positions(restructured(), datetime(2026, 1, 5, 3, tzinfo=UTC))
    assert (position.state, position.arrears, position.currency) == ("current", 0, "CNY")


def test_a_business_day_from_the_future_makes_no_loan_younger():
    (position,) = positions(overdue(days=40, on=TODAY + timedelta(days=400)), datetime(2026, 1, 5, 3, tzinfo=UTC))
    assert (position.business_date - position.oldest_due_on).days == 40
    assert position.business_date == TODAY + timedelta(days=1)


@pytest.mark.parametrize("end", ["legal.referred.v1", "legal.not_pursued.v1", "legal.withdrawn.v1"])
def test_a_recommendation_waits_until_it_is_decided_or_withdrawn(end):
    day = {"decide_by": "2026-03-06T09:00:00+08:00"}
    told = [Told(kind, "LG-B1-1", "", START, day) for kind in ("legal.recommended.v1", end)]
    assert [waits.family for waits in waiting(told[:1])] == ["legal"]
    assert waiting(told) == []
