"""Lost facts, a backlog and a cut log on the real thing: broker, database, four services and the command line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from deploy.local.stack import DEFAULT_VAR, LocalStack, running_stack
from deploy.up import write_endpoints
from schemas.bank import BorrowerSnapshot, LoanSnapshot
from schemas.topics import LOANS
from services.kit.admin import read_logs
from tests.bench.backlog import TODAY, ZERO, Options, Scene, cure, overdue, play, publish, recorded, up

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]
PATIENCE = 90
DEEP = 90_000
"""Facts of a backlog that takes each partition number several transactions: what falls due in one has to be held."""


@dataclass(frozen=True)
class Bank:
    """A running system and the bank's side of it."""

    stack: LocalStack
    scene: Scene

    def tell(self, facts, name):
        publish(self.scene.endpoints.kafka, facts, name)

    def rows(self, sql):
        with psycopg.connect(self.scene.endpoints.database) as db:
            return db.execute(sql).fetchall()

    def arrears(self, *arguments):
        command = [sys.executable, "-m", "deploy.cli", *arguments, "--var", str(self.stack.var), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, json.loads(done.stdout or "null"), done.stderr

    def pid(self, service):
        return self.stack.supervisor.state()[service].pid


def until(ready: Callable[[], object], seconds: float = PATIENCE) -> None:
    ends = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < ends, "waited too long"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    var = DEFAULT_VAR / "test" / f"gaps-{os.getpid()}"
    with running_stack(var) as stack:
        scene = up(stack)
        write_endpoints(stack.var, scene.endpoints)
        stack.supervisor.declare_ready()
        yield Bank(stack, scene)
    shutil.rmtree(var, ignore_errors=True)


def test_under_a_backlog_no_contact_goes_out_on_stale_knowledge_and_the_held_ones_go_after(bank):
    figures = play(bank.scene, Options(facts=DEEP, cures=50))
    late = "held contacts were released late"  # how late is for the benchmark to say, on a machine that does no more
    assert [fault for fault in figures.faults() if fault != late] == []
    assert (figures.sent_on_stale_knowledge, figures.sent) == (0, 50)


def shown(borrower_id: str, *, left: Decimal) -> BorrowerSnapshot:
    loan = LoanSnapshot(
        loan_id=f"L-{borrower_id}",
        days_past_due=2 if left else 0,
        arrears=overdue(borrower_id).arrears.model_copy(update={"principal": left}),
        outstanding_principal=Decimal("9000.00"),
        status="overdue" if left else "current",
    )
    return BorrowerSnapshot(borrower_id=borrower_id, business_date=TODAY + timedelta(days=1), loans=(loan,))


def test_lost_overdue_facts_and_cures_are_repaired_by_the_next_snapshot_once(bank):
    people = [f"R-{n}" for n in range(300)]
    never_told, cure_lost = people[:3], people[-3:]
    owed = {borrower_id: Decimal("500.00") for borrower_id in people}
    bank.tell([recorded(borrower_id) for borrower_id in people], "repair-who")
    bank.tell([overdue(borrower_id) for borrower_id in people if borrower_id not in never_told], "repair-told")
    bank.tell([cure(borrower_id) for borrower_id in people[100:150]], "repair-cured")
    owed |= dict.fromkeys((*people[100:150], *cure_lost), ZERO)
    opened = "SELECT borrower_id FROM assignment.cases WHERE borrower_id LIKE 'R-%'"
    until(lambda: len(bank.rows(opened)) == 297)

    bank.tell([shown(borrower_id, left=left) for borrower_id, left in owed.items()], "repair-snapshot")
    repairs = "SELECT borrower_id FROM assignment.repairs WHERE borrower_id LIKE 'R-%' ORDER BY 1"
    expected = [(borrower_id,) for borrower_id in sorted((*never_told, *cure_lost))]
    until(lambda: bank.rows(repairs) == expected)
    told = "SELECT count(*) FROM {}.states WHERE borrower_id = ANY(ARRAY{}) AND state::text LIKE '%{}%'"
    until(lambda: bank.rows(told.format("notifier", list(never_told), '"standing":"overdue"')) == [(3,)])
    until(lambda: bank.rows(told.format("notifier", list(cure_lost), '"standing":"clear"')) == [(3,)])
    until(lambda: bank.rows(told.format("visits", list(cure_lost), '"status":"cured"')) == [(3,)])

    bank.tell([overdue(borrower_id) for borrower_id in never_told], "repair-late")
    bank.tell([cure(borrower_id) for borrower_id in cure_lost], "repair-late-cure")
    bank.tell([shown(borrower_id, left=left) for borrower_id, left in owed.items()], "repair-again")
    bank.tell([overdue("R-last")], "repair-last")
    until(lambda: bank.rows("SELECT 1 FROM assignment.cases WHERE borrower_id = 'R-last'"))
    time.sleep(3)
    assert bank.rows(repairs) == expected, "none twice"
    assert len(bank.rows(opened)) == 301


def test_a_service_that_missed_records_stops_says_so_and_goes_on_by_a_decision(bank):
    frozen = bank.pid("visits")
    os.kill(frozen, signal.SIGSTOP)
    bank.tell([overdue(f"X-{n}") for n in range(200)], "cut")
    until(lambda: bank.rows("SELECT count(*) FROM assignment.cases WHERE borrower_id LIKE 'X-%'") == [(200,)])
    until(lambda: all(bank.rows(_behind(name)) == [(0,)] for name in ("notifier", "reporting")))
    _delete_all(bank.scene.endpoints.kafka)
    os.kill(frozen, signal.SIGCONT)
    until(lambda: bank.arrears("positions", "list")[0] == 1)
    status, wrong, _ = bank.arrears("positions", "list")
    assert status == 1
    assert {(row["service"], row["topic"], row["misfit"]) for row in wrong} == {("visits", LOANS.name, "cut")}
    until(lambda: bank.rows("SELECT count(*) FROM visits.alarms WHERE kind = 'misplaced position'") != [(0,)])
    restarts = bank.stack.supervisor.state()["visits"].restarts
    time.sleep(5)
    assert bank.stack.supervisor.state()["visits"].restarts <= restarts + 1, "no hot loop"

    assert bank.arrears("positions", "accept", "visits", LOANS.name, "0", "--at", "0", "--reason", "no")[0] == 2
    for row in wrong:
        place = ("visits", row["topic"], str(row["partition"]))
        status, document, _ = bank.arrears("positions", "accept", *place, "--reason", "the bank sends snapshots")
        assert (status, document["accepted"]) == (0, row["log_first"])
    assert bank.rows("SELECT DISTINCT reason FROM visits.position_decisions") == [("the bank sends snapshots",)]
    assert bank.arrears("positions", "list")[0] == 0
    until(lambda: bank.stack.supervisor.state()["visits"].restarts > restarts)
    bank.tell([overdue("X-after")], "cut-after")
    until(lambda: bank.rows("SELECT 1 FROM visits.states WHERE borrower_id = 'X-after'"))

    missed = "SELECT count(*) FROM visits.states WHERE borrower_id LIKE 'X-%' AND state::text LIKE '%overdue%'"
    assert bank.rows(missed) != [(201,)], "what visits missed is not back by the decision alone"
    bank.tell([shown(f"X-{n}", left=Decimal("500.00")) for n in range(200)], "cut-snapshot")
    until(lambda: bank.rows(missed) == [(201,)])


def _behind(service: str) -> str:
    return f"SELECT count(*) FROM {service}.freshness WHERE NOT caught_up OR wall < now() - interval '3 seconds'"


def _delete_all(bootstrap: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        ends = {TopicPartition(*s): log.last for s, log in read_logs(bootstrap, [LOANS.name]).items()}
        admin.delete_records({place: end for place, end in ends.items() if end})
    finally:
        admin.close()
