"""The auditor as a program, on a real broker and a real database in which one thing of each kind is wrong."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Producer
from kafka.admin import KafkaAdminClient

from deploy.local.topics import create_topics
from schemas.topics import TOPICS
from services.kit.database import engine_for
from services.kit.migrate import migrate
from services.kit.partitions import partition_for
from tests.chaos.plan import SERVICES
from tests.kit.cluster import wait_for

CHECKOUT = Path(__file__).resolve().parents[2]
BORROWER = "B-1"
PLACE = partition_for(BORROWER.encode(), 12)
LOANS, CASES = "bank.loans.v1", "collections.cases.v1"
pytestmark = pytest.mark.stack


@pytest.fixture
def bootstrap(kafka_bootstrap: str) -> str:
    """All topics empty."""
    admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    names = {topic.name for topic in TOPICS}
    if there := sorted(names & set(admin.list_topics())):
        admin.delete_topics(there)
        wait_for(lambda: not names & set(admin.list_topics()))
    admin.close()
    create_topics(kafka_bootstrap)
    return kafka_bootstrap


@pytest.fixture
def database(fresh_database) -> Iterator[tuple[str, psycopg.Connection]]:
    """The tables of all services, empty."""
    url = fresh_database()
    for name in SERVICES:
        engine = engine_for(url, name)
        migrate(engine, name)
        engine.dispose()
    with psycopg.connect(url, autocommit=True) as db:
        yield url, db


def test_one_of_each_kind_is_found_and_nothing_else(bootstrap, database, tmp_path):
    url, db = database
    publish_inputs(bootstrap)
    publish_events(bootstrap)
    plant_rows(db)
    found = audit(bootstrap, url, tmp_path)["found"]
    assert found == {"lost": 3, "doubled": 2, "invented": 1, "reordered": 1, "unseen": 1, "gaps": 1}


def publish_inputs(bootstrap: str) -> None:
    """E-1 to E-4, the second one twice."""
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
    for id_ in ("E-1", "E-2", "E-2", "E-3", "E-4"):
        event = {"id": id_, "source": "/bank", "type": "loan.due_soon.v1", "data": {}}
        producer.produce(LOANS, json.dumps(event), BORROWER)
    assert producer.flush(30) == 0


def publish_events(bootstrap: str) -> None:
    """Assignment said 1, 3 and 4; 2 never came, and 4 says what 3 had said."""
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
    for sequence, id_ in ((1, "S-1"), (3, "S-3"), (4, "S-3")):
        event = {"id": id_, "source": f"/arrears/assignment/{PLACE}", "sequence": sequence, "causationid": "E-1"}
        producer.produce(CASES, json.dumps({**event, "type": "case.opened.v1", "data": {}}), BORROWER)
    assert producer.flush(30) == 0


def plant_rows(db: psycopg.Connection) -> None:
    """Tables as they should be, but for what is planted."""
    for name in SERVICES:
        for id_ in ("E-1", "E-2", "E-3", "E-4"):
            if (name, id_) != ("visits", "E-3"):  # lost
                inbox = f"INSERT INTO {name}.inbox (partition, event_id, source, digest) VALUES (%s, %s, '/bank', '')"
                db.execute(inbox, [PLACE, id_])
        at = 4 if name == "visits" else 5  # unseen: the last record
        db.execute(f"INSERT INTO {name}.positions VALUES (%s, %s, '', %s)", [LOANS, PLACE, at])
        if name != "assignment":
            db.execute(f"INSERT INTO {name}.stamps VALUES (%s, 4)", [f"/arrears/assignment/{PLACE}"])
    db.execute("INSERT INTO assignment.sequences VALUES (%s, %s, 4, 4)", [CASES, PLACE])
    fact = (
        'INSERT INTO reporting.facts (topic, partition, "offset", event_id, type, source, sequence, ids, valid_time,'
        " recorded_time, recorded_wall) VALUES (%s, %s, %s, %s, '', %s, %s, '{}', now(), now(), now())"
    )
    # E-2 at its second copy: reordered. E-3: lost. E-4 twice: doubled. E-9: invented.
    for offset, id_ in ((0, "E-1"), (2, "E-2"), (4, "E-4"), (77, "E-4"), (99, "E-9")):
        db.execute(fact, [LOANS, PLACE, offset, id_, "/bank", None])
    for offset, sequence, id_ in ((0, 1, "S-1"), (1, 3, "S-3"), (2, 4, "S-3")):
        db.execute(fact, [CASES, PLACE, offset, id_, f"/arrears/assignment/{PLACE}", sequence])


def audit(bootstrap: str, url: str, folder: Path) -> dict:
    """Run the auditor; the broker had also acknowledged E-5, which it does not have: lost."""
    plan = {"seed": 1, "events": 4, "kills": 0, "faults": [], "windows": [], "steps": [], "copies_max": 1}
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "journal.jsonl").write_text(json.dumps({"what": "begun", "at": time.time()}) + "\n")
    known = [{"source": "/bank", "id": f"E-{n}", "topic": LOANS, "key": BORROWER, "copies": 1} for n in range(1, 6)]
    (folder / "acknowledged.jsonl").write_text("".join(json.dumps(line) + "\n" for line in known))
    told = ["--bootstrap", bootstrap, "--database", url, "--run", str(folder), "--json", str(folder / "report.json")]
    command = [sys.executable, "-m", "tests.chaos.auditor", *told, "--html", str(folder / "report.html")]
    known_key = {**os.environ, "ARREARS_LINK_KEY": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="}
    done = subprocess.run(
        command, cwd=CHECKOUT, env=known_key, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAILED" in done.stdout
    assert "E-9" in (folder / "report.html").read_text()
    report: dict = json.loads((folder / "report.json").read_text())
    return report
