"""What is due runs once, in the same kind of transaction; a tick that fails harms nobody else. Real database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.bank import LoanCured
from services.kit import dlq
from services.kit.service import Context, Put
from tests.kit.benched import open_letters, rows, said_ids
from tests.kit.counter import (
    COUNTER,
    MONDAY,
    Count,
    charged_off,
    due_soon,
    overdue,
    sayings,
)

pytestmark = pytest.mark.stack


def test_a_due_timer_runs_once(bench):
    bench.deliver(due_soon("B-1", days=2))
    bench.advance(timedelta(days=1))
    assert bench.state("B-1").ticks == 0
    bench.advance(timedelta(days=2))
    assert (bench.state("B-1").ticks, said_ids(bench)) == (1, ["R-B-1-1"])
    assert bench.tick_due() == 0


def test_a_fact_that_clears_the_timer_stops_it(bench):
    bench.deliver(due_soon("B-1", days=2))
    bench.deliver(LoanCured(loan_id="L-1", borrower_id="B-1", business_date=MONDAY.date()))
    bench.advance(timedelta(days=3))
    assert bench.state("B-1").ticks == 0


def test_a_tick_that_does_not_move_on_is_pushed_back_with_an_alarm(bench):
    bench.deliver(charged_off("B-1"))
    assert bench.tick_due() == 1
    assert bench.tick_due() == 0
    assert rows(bench, "SELECT kind, about, times FROM alarms") == [("stuck timer", "B-1", 1)]


def test_a_raising_tick_is_a_dead_letter_and_runs_again_after_a_redrive(bench):
    def raising(_count: Count, _context: Context[None]):
        raise RuntimeError("no tick today")

    bench.deliver(due_soon("B-1", days=1), due_soon("B-2", days=1))
    bench.room.service = replace(COUNTER, tick=raising)
    bench.advance(timedelta(days=1))
    assert [letter.kind for letter in open_letters(bench)] == ["timer", "timer"]
    bench.deliver(overdue("B-1"))
    bench.room.service = COUNTER
    assert bench.tick_due() == 0
    dlq.request_redrive(bench.engine)
    bench.redrive()
    assert bench.tick_due() == 2
    assert (bench.state("B-1").ticks, bench.state("B-1").overdue) == (1, 1)


def test_a_tick_whose_rows_the_database_refuses_harms_nobody_else(bench):
    def refused(event):
        note = "x" if event.data.borrower_id != "B-1" else {"not": "text"}
        return [Put(sayings, {"request_id": event.data.request_id, "borrower_id": "b", "note": note})]

    bench.room.service = replace(COUNTER, project=refused)
    bench.deliver(*[due_soon(f"B-{n}", days=1) for n in range(6)])
    bench.clock.instant += timedelta(days=1)
    for _ in range(20):
        bench.tick_due()
    assert [bench.state(f"B-{n}").ticks for n in range(6)] == [1, 0, 1, 1, 1, 1]
    assert [(letter.borrower_id, letter.kind) for letter in open_letters(bench)] == [("B-1", "timer")]


def test_a_woken_borrower_is_looked_at_at_once(bench):
    bench.deliver(due_soon("B-1", days=30))
    bench.runtime.wake(["B-1"])
    assert bench.tick_due() == 1
    assert bench.state("B-1").ticks == 1
