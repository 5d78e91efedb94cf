"""The same stories in real transactions on PostgreSQL: rows, reference data, and a schema that fits the tables."""

import os
from datetime import timedelta
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import inspect, select, text

from schemas.agencies import AgencyRegistered
from schemas.contacts import ContactAllowed, ContactDenied, NoticeUnanswered
from schemas.control import RulebookActivated, StrategyPaused, StrategyResumed
from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.kit.database import engine_for
from services.kit.migrate import migrate
from services.notifier.app import service
from services.notifier.store import agencies, answers, borrowers, contacts, control, decisions, metadata
from services.rulebook.packs import load_rulebook
from services.rulebook.record import rerun
from tests.notifier.ladder_story import BORROWER, MORNING, Story, known

pytestmark = pytest.mark.stack
OPS = {"target": "default", "reason": "a wrong text", "by": "ops-1"}


class Stage:
    """A bench that looks like the bus to a story."""

    def __init__(self, bench):
        self.bench = bench
        self.publish, self.said_of, self.advance = bench.deliver, bench.said_of, bench.advance

    def state(self, _service, borrower_id):
        return self.bench.state(borrower_id)

    def command(self, _service, borrower_id, act):
        return self.bench.command(borrower_id, act)

    def rows(self, _service, table):
        with self.bench.engine.connect() as db:
            return [dict(row) for row in db.execute(select(table)).mappings()]


@pytest.fixture(scope="module")
def engine(database_admin_url):
    """One migrated database for all stories here."""
    name = f"test_notifier_{os.getpid()}"
    with psycopg.connect(database_admin_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name}")
        made = engine_for(urlsplit(database_admin_url)._replace(path=f"/{name}").geturl(), "notifier")
        migrate(made, "notifier")
        yield made
        made.dispose()
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def story(engine):
    """One borrower, on empty tables."""
    there = [f'"{name}"' for name in inspect(engine).get_table_names() if not name.endswith("_version")]
    with engine.begin() as db:
        db.execute(text(f"TRUNCATE {', '.join(there)}"))
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
