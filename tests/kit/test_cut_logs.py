"""A log that was cut, lost or made anew under a real worker stops it with one clear line; a decision lets it go on."""

import json
import time
from collections.abc import Callable

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from schemas.topics import LOANS
from services.kit.admin import read_logs
from services.kit.database import engine_for, transaction
from services.kit.positions import accept, load, misfits
from tests.kit.cluster import Tables, Worker, applied, publish, recreate_topics, wait_for
from tests.kit.counter import NAME, overdue

pytestmark = pytest.mark.stack
PATIENCE = 60
EXIT_STOPPED = 3


def tell(bootstrap: str, first: int, count: int) -> None:
    numbers = range(first, first + count)
    publish(bootstrap, [overdue(f"B-{n % 100}") for n in numbers], [f"E-{n}" for n in numbers])


def cut(bootstrap: str) -> None:
    """Delete every record of the loans topic, as retention does."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        ends = {TopicPartition(*s): log.last for s, log in read_logs(bootstrap, [LOANS.name]).items()}
        admin.delete_records({place: end for place, end in ends.items() if end})
    finally:
        admin.close()


def stopped_lines(worker: Worker) -> list[dict[str, str]]:
    lines = [line for line in worker.log().splitlines() if '"critical"' in line]
    return [json.loads(line) for line in lines]


def decide_all(database_url: str, bootstrap: str, *, kind: str) -> int:
    """Accept every position that does not fit, as `arrears positions accept` does one by one."""
    engine = engine_for(database_url, NAME)
    try:
        with transaction(engine) as (_, raw):
            wrong = misfits(load(raw, [LOANS.name]), read_logs(bootstrap, [LOANS.name]))
            assert {misfit.kind for misfit in wrong} == {kind}
            assert all(accept(raw, misfit, misfit.go_on_at, "the test said so", "test") for misfit in wrong)
            return len(wrong)
    finally:
        engine.dispose()


def test_records_deleted_unread_stop_the_worker_until_somebody_decides(
    cluster: Callable[..., Worker], tables: Tables, kafka_bootstrap: str, database_url: str
) -> None:
    worker = cluster().wait_until_ready()
    tell(kafka_bootstrap, 0, 300)
    wait_for(lambda: applied(tables) == 300, PATIENCE)
    assert worker.terminate() == 0
    tell(kafka_bootstrap, 300, 300)
    cut(kafka_bootstrap)
    worker.start()
    assert worker.process
    assert worker.process.wait(PATIENCE) == EXIT_STOPPED, worker.log()
    (line,) = stopped_lines(worker)
    assert "retention deleted records before they were read" in line["reason"]
    assert f"{LOANS.name}/" in line["reason"]
    assert "stored position" in line["reason"]
    assert f"arrears positions accept {NAME} {LOANS.name} " in line["reason"]
    assert tables.one("SELECT count(*) FROM alarms WHERE kind = 'misplaced position'") > 0
    assert applied(tables) == 300

    accepted = decide_all(database_url, kafka_bootstrap, kind="cut")
    assert tables.one("SELECT count(*) FROM position_decisions") == accepted
    assert tables.one("SELECT count(*) FROM alarms") == 0
    worker.start().wait_until_ready()
    tell(kafka_bootstrap, 600, 200)
    wait_for(lambda: applied(tables) == 500, PATIENCE)
    assert tables.one("SELECT count(*) FROM reads") == 500, "what was applied before is not applied again"
    assert worker.terminate() == 0


def test_a_stopped_worker_says_why_on_its_health_page_and_leaves_when_it_was_decided(
    cluster: Callable[..., Worker], tables: Tables, kafka_bootstrap: str, database_url: str
) -> None:
    worker = cluster(ARREARS_STOPPED_SECONDS="60").wait_until_ready()
    tell(kafka_bootstrap, 0, 100)
    wait_for(lambda: applied(tables) == 100, PATIENCE)
    assert worker.terminate() == 0
    tell(kafka_bootstrap, 100, 100)
    cut(kafka_bootstrap)
    worker.start()

    def health() -> dict[str, object]:
        try:
            status, body = worker.get("/health/ready")
        except OSError:
            return {}
        return {"status": status, **json.loads(body)}

    wait_for(lambda: health().get("verdict") == "stopped", PATIENCE)
    assert health()["status"] == 503
    assert "stored position" in str(health()["doing"])
    assert b"arrears_stopped 1.0" in worker.get("/metrics")[1]
    assert worker.get("/health/live")[0] == 200
    decided_at = time.monotonic()
    decide_all(database_url, kafka_bootstrap, kind="cut")
    assert worker.process
    assert worker.process.wait(20) == EXIT_STOPPED
    assert time.monotonic() - decided_at < 15
    worker.start().wait_until_ready()


def test_a_cut_under_a_worker_that_is_behind_stops_it(
    cluster: Callable[..., Worker], tables: Tables, kafka_bootstrap: str
) -> None:
    worker = cluster(ARREARS_SESSION_SECONDS="60").wait_until_ready()
    tell(kafka_bootstrap, 0, 100)
    wait_for(lambda: applied(tables) == 100, PATIENCE)
    assert worker.process
    worker.process.send_signal(19)
    tell(kafka_bootstrap, 100, 500)
    cut(kafka_bootstrap)
    worker.process.send_signal(18)
    assert worker.process.wait(PATIENCE) == EXIT_STOPPED, worker.log()
    assert "retention deleted records" in worker.log()
    assert applied(tables) < 600


def test_a_topic_made_anew_under_a_running_worker_stops_it_even_when_it_has_grown_past_the_old_position(
    cluster: Callable[..., Worker], tables: Tables, kafka_bootstrap: str, database_url: str
) -> None:
    worker = cluster().wait_until_ready()
    tell(kafka_bootstrap, 0, 100)
    wait_for(lambda: applied(tables) == 100, PATIENCE)
    recreate_topics(kafka_bootstrap)
    tell(kafka_bootstrap, 1000, 2000)
    assert worker.process
    assert worker.process.wait(PATIENCE) == EXIT_STOPPED, worker.log()
    assert "the topic was deleted and made anew" in worker.log()
    before = applied(tables)
    worker.start()
    assert worker.process.wait(PATIENCE) == EXIT_STOPPED, "a restart decides nothing"
    tables.execute("UPDATE positions SET topic_id = '' WHERE topic <> 'bank.loans.v1'")
    tables.execute("UPDATE positions SET next = 0 WHERE topic <> 'bank.loans.v1'")
    decide_all(database_url, kafka_bootstrap, kind="remade")
    worker.start().wait_until_ready()
    wait_for(lambda: applied(tables) == 2100, PATIENCE)
    assert before <= 2100
    assert tables.one("SELECT count(DISTINCT event_id) FROM reads") == tables.one("SELECT count(*) FROM reads")


def test_a_log_shorter_than_what_was_read_is_never_taken_for_fresh(
    cluster: Callable[..., Worker], tables: Tables, kafka_bootstrap: str
) -> None:
    worker = cluster(ARREARS_STOPPED_SECONDS="0").wait_until_ready()
    tell(kafka_bootstrap, 0, 1000)
    wait_for(lambda: applied(tables) == 1000, PATIENCE)
    recreate_topics(kafka_bootstrap)
    assert worker.process
    assert worker.process.wait(PATIENCE) == EXIT_STOPPED, worker.log()
    assert stopped_lines(worker)
