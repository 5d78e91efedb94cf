"""What cannot be undone, or goes past a limit, is done only where somebody means just that."""

import json
from contextlib import closing

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from typer.testing import CliRunner

from deploy.cli import app
from deploy.forget import bury
from deploy.local.topics import create_topics
from schemas.topics import LOANS, SERVICES
from services.kit import accepted
from services.kit.database import engine_for, transaction
from services.kit.migrate import migrate, migrate_vault
from services.kit.partitions import partition_for

pytestmark = pytest.mark.stack


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def url(fresh_database):
    made = fresh_database()
    for service in SERVICES:
        engine = engine_for(made, service)
        migrate_vault(engine)
        migrate(engine, service)
        engine.dispose()
    return made


@pytest.fixture
def var(url, kafka_bootstrap, tmp_path):
    create_topics(kafka_bootstrap)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "endpoints.json").write_text(json.dumps({"database": url, "kafka": kafka_bootstrap}))
    return tmp_path


def destroyed(url):
    with psycopg.connect(url) as db:
        return db.execute("SELECT borrower_id FROM vault.keys WHERE wrapped IS NULL").fetchall()


def test_an_id_that_nobody_has_forgets_nobody(url, var):
    done = run("forget", "B-nobody", "--yes", "--var", var)
    assert (done.exit_code, "B-nobody" in done.stderr, destroyed(url)) == (1, True, [])


@pytest.mark.parametrize("blank", ["", "  "])
def test_no_name_is_no_borrower(url, var, blank):
    assert (run("forget", blank, "--yes", "--var", var).exit_code, destroyed(url)) == (2, [])


def test_a_known_borrower_is_forgotten(url, var):
    with psycopg.connect(url) as db:
        db.execute("INSERT INTO vault.keys (borrower_id, key_id, wrapped) VALUES ('B-1', 'k', '\\x00')")
    assert run("forget", "B-1", "--yes", "--var", var).exit_code == 0
    assert destroyed(url) == [("B-1",)]
    assert run("forget", "B-1", "--yes", "--var", var).exit_code == 0, "asking again does no harm"


def test_a_tombstone_stands_where_the_topic_has_the_record(kafka_bootstrap):
    topic = "elsewhere.borrowers"
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    admin.create_topics([NewTopic(topic, 5, 1)])
    admin.close()
    assert partition_for(b"B-9", 5) != partition_for(b"B-9", 12)
    bury(kafka_bootstrap, topic, "B-9")
    earliest = {"auto_offset_reset": "earliest", "consumer_timeout_ms": 10_000}
    with closing(KafkaConsumer(topic, bootstrap_servers=kafka_bootstrap, **earliest)) as consumer:
        record = next(consumer)
    assert (record.partition, record.key, record.value) == (partition_for(b"B-9", 5), b"B-9", None)


@pytest.fixture
def standing(url, kafka_bootstrap, var):
    """A partition on which notifier has met too many records that cannot be applied."""
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap)
    end = max(producer.send(LOANS.name, b"garbage", partition=3).get(30).offset for _ in range(4)) + 1
    producer.close()
    engine = engine_for(url, "notifier")
    with transaction(engine) as (_, raw):
        raw.execute(
            "INSERT INTO positions (topic, partition, next, topic_id) VALUES (%s, 3, %s, 't')", [LOANS.name, end - 4]
        )
        accepted.raise_alarm(raw, (LOANS.name, 3), "4 records in a row")
    engine.dispose()
    return end


def accept(var, partition, until, reason="a producer's test run"):
    return run("dlq", "accept", "notifier", LOANS.name, partition, "--until", until, "--reason", reason, "--var", var)


def decisions(url):
    with psycopg.connect(url) as db:
        return db.execute("SELECT partition, until, reason FROM notifier.accepted_letters").fetchall()


def test_what_stands_still_goes_on_up_to_what_was_looked_at(url, var, standing):
    assert accept(var, 3, standing).exit_code == 0
    assert decisions(url) == [(3, standing, "a producer's test run")]


def test_what_has_not_come_yet_cannot_be_accepted(url, var, standing):
    done = accept(var, 3, 999_999_999_999)
    assert (done.exit_code, str(standing) in done.stderr, decisions(url)) == (2, True, [])


def test_a_decision_without_a_reason_is_none(url, var, standing):
    assert (accept(var, 3, standing, " ").exit_code, decisions(url)) == (2, [])


def test_where_nothing_stands_still_there_is_nothing_to_accept(url, var, standing):
    done = accept(var, 4, standing)
    assert (done.exit_code, "does not stand still" in done.stderr, decisions(url)) == (1, True, [])
