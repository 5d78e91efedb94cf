"""A worker process on a real broker and database loses nothing and doubles nothing, whatever is done to it."""

import json
import random
import signal
import threading
import time

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec

from schemas.envelope import Event
from schemas.topics import BORROWERS, CONTACTS, DEAD_LETTERS, LOANS
from services.kit import accepted, dlq
from services.kit.database import engine_for, transaction
from tests.kit.cluster import (
    Tables,
    Worker,
    applied,
    place,
    publish,
    publish_raw,
    read_all,
    wait_for,
)
from tests.kit.counter import MONDAY, NAME, overdue, paid, poison, recorded

pytestmark = pytest.mark.stack
BORROWERS_COUNT = 500
PATIENCE = 120


def relayed(tables: Tables) -> bool:
    return tables.one("SELECT count(*) FROM sequences WHERE published < said") == 0


def stream(bootstrap: str, first: int, count: int, per_batch: int = 200) -> None:
    """Publish so many events, numbered from `first`, over all borrowers."""
    numbers = range(first, first + count)
    publish(
        bootstrap,
        [overdue(f"B-{n % BORROWERS_COUNT}") for n in numbers],
        [f"E-{n}" for n in numbers],
        per_batch,
    )


def audit(tables: Tables, bootstrap: str, count: int) -> None:
    """Each of so many events took effect once: in the states, in the rows, and in what was said."""
    wait_for(lambda: applied(tables) >= count, PATIENCE)
    wait_for(lambda: relayed(tables), PATIENCE)
    assert applied(tables) == count
    assert tables.one("SELECT count(*) FROM reads") == count
    assert tables.one("SELECT count(DISTINCT event_id) FROM reads") == count
    assert tables.one("SELECT count(*) FROM sayings") == count
    assert tables.one("SELECT count(*) FROM dead_letters") == 0
    said: dict[str, dict[int, str]] = {}
    for _, _, value, _ in read_all(bootstrap, CONTACTS.name):
        event = json.loads(value or b"")
        known = said.setdefault(event["source"], {}).setdefault(event["sequence"], event["id"])
        assert known == event["id"], "one sequence, two events"
    assert all(sorted(found) == list(range(1, len(found) + 1)) for found in said.values())
    assert len({id_ for found in said.values() for id_ in found.values()}) == count


def test_good_and_bad_records_come_in_and_all_is_accounted_for(cluster, tables, kafka_bootstrap, database_url):
    worker = cluster().wait_until_ready()
    facts = [overdue(f"B-{n}") for n in range(100)]
    ids = [f"E-{n}" for n in range(100)]
    publish(kafka_bootstrap, facts * 2, ids * 2)
    publish(kafka_bootstrap, [poison("B-7")], ["P-1"])
    wait_for(lambda: tables.one("SELECT count(*) FROM dead_letters") == 1, PATIENCE)
    publish(kafka_bootstrap, [paid("B-7"), recorded("B-7"), recorded("B-8")], ["P-2", "P-3", "P-4"])
    wrong = (place("B-9") + 1) % 12
    good = next(v for _, k, v, _ in read_all(kafka_bootstrap, LOANS.name) if k == b"B-9")
    publish_raw(kafka_bootstrap, LOANS, wrong, b"B-9", good.replace(b'"E-9"', b'"W-9"'))
    publish_raw(kafka_bootstrap, LOANS, 3, b"key", b"\xff garbage \x00")
    publish_raw(kafka_bootstrap, LOANS, 3, None, None)
    wait_for(lambda: tables.one("SELECT count(*) FROM dead_letters") == 4, PATIENCE)
    wait_for(lambda: tables.one("SELECT count(*) FROM parked") == 2, PATIENCE)
    wait_for(lambda: applied(tables) == 100, PATIENCE)
    wait_for(lambda: relayed(tables), PATIENCE)
    letters = read_all(kafka_bootstrap, DEAD_LETTERS[NAME].name)
    assert sorted(h["x-exception-class"].decode() for *_, h in letters) == [
        "RuntimeError",
        "Unreadable",
        "Unreadable",
        "WrongPartition",
    ]
    assert b"\xff garbage \x00" in [value for _, _, value, _ in letters]
    (said, headers) = next((json.loads(v), h) for _, k, v, h in read_all(kafka_bootstrap, CONTACTS.name) if k == b"B-9")
    assert (said["causationid"], said["sequence"] >= 1) == ("E-9", True)
    assert headers["content-type"].startswith(b"application/cloudevents+json")
    assert headers["id"].decode() == said["id"]

    engine = engine_for(database_url, NAME)
    assert dlq.request_redrive(engine, kind="wrong_partition") == 1
    engine.dispose()
    wait_for(lambda: applied(tables) == 101, PATIENCE)

    wait_for(lambda: json.loads(worker.get(f"/fresh/{place('B-1')}")[1])["fresh"], 20)
    first, again = worker.get("/stop/B-1?key=K-1", "POST"), worker.get("/stop/B-1?key=K-1", "POST")
    assert first[0] == 200
    assert first == again
    assert worker.get("/nothing")[0] == 404
    status, ready = worker.get("/health/ready")
    assert (status, json.loads(ready)["partitions"]) == (200, list(range(12)))
    assert b"arrears_dead_letters_total" in worker.get("/metrics")[1]
    assert worker.terminate() == 0


def test_an_offset_reset_does_no_harm_and_the_group_shows_what_was_applied(cluster, tables, kafka_bootstrap):
    worker = cluster().wait_until_ready()
    stream(kafka_bootstrap, 0, 2000)
    wait_for(lambda: applied(tables) == 2000, PATIENCE)
    assert worker.terminate() == 0
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    try:
        stored = {(t, n): p for t, n, p in tables.rows("SELECT topic, partition, next FROM positions")}
        told = group_offsets(admin)
        assert {place: told.get(place, 0) for place in stored} == stored
        specs = {TopicPartition(*place): OffsetSpec.EARLIEST for place in stored}
        wait_for(lambda: not any(group_reset(admin, specs)), PATIENCE, pause=1)  # once the group is empty
        assert not any(group_offsets(admin).values())
        again = cluster(ARREARS_INSTANCE="1").wait_until_ready()
        stream(kafka_bootstrap, 2000, 200)
        audit(tables, kafka_bootstrap, 2200)
        wait_for(lambda: sum(group_offsets(admin).values()) == 2200, PATIENCE)
        assert again.terminate() == 0
    finally:
        admin.close()


def group_reset(admin: KafkaAdminClient, specs: dict[TopicPartition, OffsetSpec]) -> list[bool]:
    """Whether resetting failed, per partition."""
    answers = admin.reset_group_offsets(NAME, specs).values()
    return [getattr(answer["error"], "errno", 0) != 0 for answer in answers]


def group_offsets(admin: KafkaAdminClient) -> dict[tuple[str, int], int]:
    found = admin.list_group_offsets(NAME)[NAME]
    return {(tp.topic, tp.partition): offset.offset for tp, offset in found.items() if offset.offset >= 0}


def test_kill_9_in_mid_stream_loses_nothing_and_doubles_nothing(cluster, tables, kafka_bootstrap):
    chance, count = random.Random(7), 8_000
    feeder = threading.Thread(target=stream, args=[kafka_bootstrap, 0, count])
    worker = cluster()
    feeder.start()
    for kill in range(1, 4):
        wait_for(lambda share=kill: applied(tables) >= count * share / 6, PATIENCE, pause=0.01)
        time.sleep(chance.random() * 0.1)
        worker.kill()
        worker.start()
    feeder.join()
    audit(tables, kafka_bootstrap, count)


@pytest.mark.parametrize("queue", ["1", "8"])
def test_every_third_batch_raising_loses_nothing_and_doubles_nothing(cluster, tables, kafka_bootstrap, queue):
    cluster(RAISE_EVERY="3", ARREARS_STREAM_QUEUE=queue).wait_until_ready()
    stream(kafka_bootstrap, 0, 4000, per_batch=100)
    audit(tables, kafka_bootstrap, 4000)


def test_two_workers_share_hand_over_and_outlive_a_kill_and_a_freeze(cluster, tables, kafka_bootstrap):
    first = cluster().wait_until_ready()
    second = cluster(RAISE_EVERY="5").wait_until_ready()
    wait_for(lambda: 0 < owned(second) < 12 and owned(first) + owned(second) == 12, PATIENCE)
    feeder = threading.Thread(target=stream, args=[kafka_bootstrap, 0, 8_000, 50])
    feeder.start()
    wait_for(lambda: applied(tables) > 2000, PATIENCE)
    second.kill()
    wait_for(lambda: owned(first) == 12, PATIENCE)
    second.start().wait_until_ready()
    wait_for(lambda: owned(second) > 0, PATIENCE)
    assert second.process
    second.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: owned(first) == 12, PATIENCE)
    second.process.send_signal(signal.SIGCONT)
    feeder.join()
    audit(tables, kafka_bootstrap, 8_000)


def owned(worker: Worker) -> int:
    return len(json.loads(worker.get("/health/ready")[1])["partitions"])


def test_a_worker_refuses_what_would_lose_records_silently(cluster, tables, kafka_bootstrap):
    worker = cluster().wait_until_ready()
    stream(kafka_bootstrap, 0, 200)
    wait_for(lambda: applied(tables) == 200, PATIENCE)
    worker.terminate()
    tables.execute("UPDATE positions SET next = next + 1000 WHERE partition = 3 AND topic = 'bank.loans.v1'")
    assert worker.start().process.wait(60) == 3
    assert "lost the end of its log" in worker.log()
    tables.execute("UPDATE positions SET next = next - 1000 WHERE partition = 3 AND topic = 'bank.loans.v1'")
    tables.execute("UPDATE positions SET topic_id = 'another' WHERE partition = 4 AND topic = 'bank.loans.v1'")
    assert worker.start().process.wait(60) == 3
    assert "made anew" in worker.log()


def test_too_many_dead_letters_stop_their_partition_alone_until_somebody_accepts_them(
    cluster, tables, kafka_bootstrap, database_url
):
    def health():
        return json.loads(worker.get("/health/ready")[1])

    worker = cluster(ARREARS_DEAD_LETTER_RUN="20").wait_until_ready()
    for _ in range(25):
        publish_raw(kafka_bootstrap, LOANS, 2, b"key", b"garbage")
    wait_for(lambda: health()["verdict"] == "halted", 60)
    assert "in a row" in worker.log()
    assert "arrears dlq accept notifier bank.loans.v1 2 --until 2" in health()["halted"][0]  # 20 to 25, as they came
    assert tables.one("SELECT count(*) FROM dead_letters") < 20
    assert tables.one("SELECT count(*) FROM alarms WHERE about = 'bank.loans.v1/2'") == 1
    there, here = (next(f"B-{n}" for n in range(999) if (place(f"B-{n}") == 2) is on) for on in (False, True))
    publish(kafka_bootstrap, [overdue(there), overdue(here)], ["there", "here"])
    wait_for(lambda: tables.one(f"SELECT count(*) FROM states WHERE borrower_id = '{there}'"), 30)
    assert tables.one(f"SELECT count(*) FROM states WHERE borrower_id = '{here}'") == 0
    wait_for(lambda: json.loads(worker.get("/fresh/2")[1])["fresh"] is False, 5)  # what was known a second ago is fresh
    engine = engine_for(database_url, NAME)
    with transaction(engine) as (_, raw):
        assert accepted.accept(raw, (LOANS.name, 2), 25, "a producer's test run", "ops")
    engine.dispose()
    wait_for(lambda: tables.one(f"SELECT count(*) FROM states WHERE borrower_id = '{here}'"), 30)
    assert tables.one("SELECT count(*) FROM dead_letters") == 25
    wait_for(lambda: health()["verdict"] == "ready", 30)
    assert health()["halted"] == []
    assert worker.terminate() == 0


def test_misplaced_contact_data_is_published_again_as_the_bank_wrote_it(cluster, tables, kafka_bootstrap, database_url):
    cluster().wait_until_ready()
    event = Event.saying(recorded("B-1"), id="E-1", source="/bank", time=MONDAY)
    publish_raw(kafka_bootstrap, BORROWERS, (place("B-1") + 1) % 12, b"B-1", event.to_json())
    wait_for(lambda: tables.one("SELECT count(*) FROM dead_letters WHERE kind = 'wrong_partition'"), PATIENCE)
    engine = engine_for(database_url, NAME)
    assert dlq.request_redrive(engine) == 1
    engine.dispose()
    wait_for(lambda: tables.one("SELECT count(*) FROM dead_letters WHERE redriven_at IS NOT NULL"), PATIENCE)
    found = [(number, key, value) for number, key, value, _ in read_all(kafka_bootstrap, BORROWERS.name)]
    assert (place("B-1"), b"B-1", event.to_json()) in found
    assert len(found) == 2
    wait_for(lambda: tables.one("SELECT count(*) FROM states WHERE borrower_id = 'B-1'"), PATIENCE)


def test_a_missing_setting_is_one_clear_line_and_status_2(cluster):
    worker = cluster(ARREARS_DATABASE_URL="", ARREARS_CLOCK="yesterday")
    assert worker.process.wait(30) == 2
    assert [line for line in worker.log().splitlines() if line.startswith("arrears:")] == [
        "arrears: ARREARS_DATABASE_URL: is not an address like postgresql://role:password@host:5432/name",
        "arrears: ARREARS_CLOCK: clock 'yesterday' is neither 'system' nor 'scaled|<start>|<origin>|<factor>'",
    ]
