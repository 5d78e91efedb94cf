"""The same stories in real transactions on PostgreSQL: rows, reference data, and a schema that fits the tables."""

from datetime import timedelta

import pytest
from sqlalchemy import inspect

from schemas.agencies import AgencyRegistered
from schemas.contacts import ContactAllowed, ContactDenied, NoticeUnanswered
from schemas.control import RulebookActivated, StrategyPaused, StrategyResumed
from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.notifier.app import service
from services.notifier.store import agencies, answers, borrowers, contacts, control, decisions, metadata
from services.rulebook.packs import load_rulebook
from services.rulebook.record import rerun
from tests.notifier.ladder_story import BORROWER, MORNING, Story, known
from tests.stage import Stage

pytestmark = pytest.mark.stack
OPS = {"target": "default", "reason": "a wrong text", "by": "ops-1"}


@pytest.fixture
def story(engine):
    """One borrower."""
    bench = Bench(service(), engine, ManualClock(MORNING))
    told = Story()
    told.bus, told.clock = Stage(bench), bench.clock
    return told


def test_the_migrated_schema_is_what_the_tables_say(engine):
    there = inspect(engine)
    for table in metadata.tables.values():
        columns = {c["name"]: (c["nullable"], type(c["type"]).__name__) for c in there.get_columns(table.name)}
        assert set(columns) == {c.name for c in table.columns}, table.name
        assert {n: nullable for n, (nullable, _) in columns.items()} == {c.name: c.nullable for c in table.columns}
        assert there.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key]
        assert {i["name"] for i in there.get_indexes(table.name)} == {i.name for i in table.indexes}


def test_the_whole_ladder_in_real_transactions(story):
    story.say(known()).case().overdue(1).days(16, hours=6)
    (unanswered,) = story.said(NoticeUnanswered)
    rows = {row["contact_id"]: row for row in story.bus.rows("notifier", contacts)}
    assert {row["state"] for row in rows.values()} == {"delivered"}
    assert {notice.notice_id for notice in unanswered.notices} == set(rows)
    assert {row["partition"] for row in rows.values()} == {story.bus.bench.runtime.partition_of(BORROWER)}
    for row in story.bus.rows("notifier", decisions):
        assert rerun(row["inputs"], load_rulebook("CN")).allowed is row["allowed"]


def test_what_is_read_of_others_stands_in_the_reference_tables(story):
    registered = AgencyRegistered(
        agency_id="A-south",
        name="南方催收",
        regions=("CN-GD",),
        products=("consumer_loan",),
        capacity=10,
        target_share=50,
        contact="400-1",
    )
    activated = RulebookActivated(**{**OPS, "target": "CN"}, version="2", effective_from=MORNING + timedelta(days=9))
    story.say(registered, activated, known())
    (agency,) = story.bus.rows("notifier", agencies)
    assert (agency["name"], agency["contact"]) == ("南方催收", "400-1")
    (row,) = story.bus.rows("notifier", control)
    assert (row["kind"], row["state"], row["effective_from"]) == ("rulebook", "2", MORNING + timedelta(days=9))
    (person,) = story.bus.rows("notifier", borrowers)
    assert set(person["name"]) == {"sealed", "key"}


def test_ops_pause_and_resume_the_strategy_by_a_fact(story):
    story.say(known(), StrategyPaused(**OPS)).overdue(1)
    assert [[r.rule_id for r in d.reasons] for d in story.said(ContactDenied)] == [["STRATEGY-PAUSED"]]
    story.say(StrategyResumed(**OPS)).days(1, hours=2)
    assert [a.purpose for a in story.said(ContactAllowed)] == ["reminder"]


def test_an_answer_is_a_row_with_its_words_sealed(story):
    story.say(known()).overdue(1).carry()
    story.answer("dispute", statement="我已经还清了")
    (row,) = story.bus.rows("notifier", answers)
    assert (row["answer"], row["notice_id"]) == ("dispute", "N-B-1-1")
    assert set(row["details"]["statement"]) == {"sealed", "key"}
