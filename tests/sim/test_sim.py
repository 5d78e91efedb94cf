"""A small simulation that keeps every promise, and planted bugs that it must find and tell in a few lines."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg import OperationalError

from schemas.bank import LoanOverdue, LoanPaymentReceived
from schemas.contacts import DisputeRaised
from schemas.topics import ASSIGNMENT, NOTIFIER
from schemas.values import Arrears
from services.kit import repeats
from services.kit.database import transaction
from tests.sim import registry
from tests.sim.database import Database
from tests.sim.faulty import FAULTS
from tests.sim.play import Stage
from tests.sim.run import played, quiet
from tests.sim.shrink import Shrinker, minimised
from tests.sim.stops import Stops
from tests.sim.story import told

SEEDS = 6
TRIES = 30
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def summary():
    return played(1, SEEDS, 200, 1)


def test_every_promise_is_kept_by_all_four_services(summary):
    assert [(result.seed, str(result.violations[0])) for result in summary.failed] == []


def test_every_story_is_long_enough_and_every_fault_has_happened(summary):
    assert summary.events_min >= 200
    assert set(summary.faults) == set(FAULTS)


def test_the_stories_come_as_far_as_the_door(summary):
    assert {"visit.arrived.v1", "visit.completed.v1", "placement.recalled.v1", "case.closed.v1"} <= set(summary.types)


def test_a_seed_does_the_same_in_another_process(summary, tmp_path):
    command = [
        sys.executable,
        "-m",
        "tests.sim",
        "--seeds",
        "1",
        "--processes",
        "1",
        "--json",
        str(tmp_path / "s.json"),
    ]
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    subprocess.run(command, cwd=ROOT, check=True, env=environment, capture_output=True)
    here = played(1, 1, 200, 1)
    assert json.loads((tmp_path / "s.json").read_text())["trace"] == here.trace


# -- planted bugs -----------------------------------------------------------------------------------------------------


def failing(services, seeds=30, events=100):
    """The first seed that fails under these services, made short."""
    own = Stage({**registry.services(), **services})
    with quiet():
        for seed in range(1, seeds + 1):
            story = told(seed, events)
            result = own.play(story)
            if result.violations:
                assert own.play(story).trace == result.trace
                return Shrinker(own, story, result, TRIES).shrink()
    raise AssertionError(f"not found in {seeds} seeds")


def having(name, kind, handler):
    """A service with another handler for one kind of fact."""
    service = registry.services_of(name)
    return {name: replace(service, handlers={**service.handlers, kind: handler})}


def test_a_service_that_remembers_outside_its_state_is_found_and_told_shortly():
    original, heard = registry.services_of(ASSIGNMENT).handlers[LoanPaymentReceived], set()

    def forgetful(state, fact, context):
        if fact.payment_id in heard:
            return state, ()
        heard.add(fact.payment_id)
        return original(state, fact, context)

    found = failing(having(ASSIGNMENT, LoanPaymentReceived, forgetful))
    assert found.result.violations[0].check == "money balances to the cent"
    assert found.size <= 4
    assert any("pay" in line for line in found.lines())


def test_a_service_that_does_not_hear_of_a_dispute_is_found_and_told_shortly():
    def deaf(state, _fact, _context):
        return state, ()

    found = failing({**having(ASSIGNMENT, DisputeRaised, deaf), **_deaf_notifier()})
    assert "contact" in found.result.violations[0].check
    assert found.size < found.before / 3


def _deaf_notifier():
    """Notifier forgets, before each decision, that it holds anything."""
    service = registry.services_of(NOTIFIER)

    def without_holds(handler):
        def react(state, fact, context):
            return handler(replace(state, holds=()), fact, context)

        return react

    handlers = {kind: without_holds(handler) for kind, handler in service.handlers.items()}
    tick = without_holds(lambda state, _fact, context: service.tick(state, context))
    return {
        NOTIFIER: replace(service, handlers=handlers, tick=lambda state, context: tick(state, None, context)),
    }


# -- the checks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "stands"), [(1, False), (3, True), (None, True)])
def test_money_told_again_is_a_stop_unless_its_version_says_that_more_is_known(version, stands):
    stops, at, arrears = Stops(), datetime(2026, 3, 10, tzinfo=UTC), Arrears(principal="9", interest="0", fees="0")
    about = {"loan_id": "L-1", "borrower_id": "B-1", "currency": "CNY"}
    overdue = {"product": "micro_loan", "days_past_due": 9, "outstanding_principal": "99", "region": "CN-GD"}
    days = {"business_date": at.date(), "oldest_due_date": at.date()}
    stops.hear(LoanOverdue(**about, **overdue, **days, arrears=arrears, loan_version=2), at)
    nothing = {"arrears_after": Arrears(principal="0", interest="0", fees="0"), "days_past_due_after": 0}
    paid = {"payment_id": "PAY-1", "amount": "9", "value_date": at.date(), "loan_version": version}
    stops.hear(LoanPaymentReceived(**about, **paid, **nothing), at)
    assert bool([*stops.wrongful("N-1", "B-1", ("L-1",), at + timedelta(hours=1))]) == stands


# -- the parts --------------------------------------------------------------------------------------------------------


def test_a_subset_is_found_of_which_no_part_can_be_left_out():
    parts = [("fault", str(n)) for n in range(40)]
    kept = minimised(parts, lambda some: {("fault", "3"), ("fault", "17")} <= set(some))
    assert kept == [("fault", "3"), ("fault", "17")]


def test_what_a_broken_transaction_did_is_undone():
    database = Database()
    database.fail_at = 1
    with pytest.raises(OperationalError), transaction(database.engine()) as (_, raw):
        assert [raw.execute(repeats._STAMP, [["/a"], [n]]).rowcount for n in (1, 2)]
    assert database.table("stamps") == {}


def test_what_was_committed_stays_when_its_answer_is_lost():
    database = Database()
    database.lose_answer = True
    with pytest.raises(OperationalError), transaction(database.engine()) as (_, raw):
        raw.execute(repeats._STAMP, [["/a"], [1]])
    assert database.table("stamps") == {"/a": 1}


def test_a_statement_that_the_database_does_not_know_is_no_silent_success():
    with pytest.raises(AssertionError, match="does not know"), transaction(Database().engine()) as (_, raw):
        raw.execute("DELETE FROM stamps")
