"""When a snapshot is followed: not before all is known that was published before it, and never against a later word."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from schemas.cases import CaseOpened, GapFound, LoanRepaired
from services.assignment.app import service
from services.assignment.domain import onward, snapshots, versions
from services.assignment.domain.moment import Moment
from services.assignment.domain.state import Loan, Shown, Snapshot, State
from services.kit.states import Codec
from services.rulebook.strategy import load_strategy
from tests.assignment.story import START, TODAY, panel

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
ZERO, HUNDRED = Decimal("0.00"), Decimal("100.00")


def at(now: datetime = START, known: datetime | None = None, retell: int = 0) -> Moment:
    return Moment(now, now, now, known or now, "a cause", load_strategy(), panel(), retell=retell)


def snapshot(*loans: Shown, taken_at: datetime = START, day: date = TODAY) -> Snapshot:
    return Snapshot(day, taken_at, taken_at, taken_at, loans)


def overdue(loan_id: str = "L-1", left: Decimal = HUNDRED, version: int | None = None) -> Shown:
    return Shown(loan_id, "overdue", principal=left, outstanding=Decimal(900), days_past_due=3, version=version)


def kinds(said: tuple) -> list[type]:
    return [type(fact) for fact in said]


def test_a_snapshot_that_shows_something_else_waits_until_all_before_it_is_known():
    behind = at(known=START - SECOND)
    state, said = snapshots.shown(State("b1"), snapshot(overdue()), behind)
    assert said == ()
    assert onward.next_at(state) > START, "the timer moves on, or it would count as stuck"
    later = at(START + SECOND, known=START - SECOND)
    state, said = onward.tick(state, later)
    assert said == ()
    assert onward.next_at(state) > later.now
    state, said = onward.tick(state, at(START + 2 * SECOND))
    assert kinds(said) == [LoanRepaired, CaseOpened]
    assert state.snapshot is None


def test_the_longer_a_snapshot_has_waited_the_later_it_is_looked_at_again():
    state, looks, now = State("b1"), 0, START
    state, _ = snapshots.shown(state, snapshot(overdue()), at(known=START - SECOND))
    while now < START + timedelta(hours=1):
        now = onward.next_at(state)
        state, _ = onward.tick(state, at(now, known=START - SECOND))
        looks += 1
    assert looks < 20


def test_what_arrives_while_the_snapshot_waits_was_not_lost():
    state, _ = snapshots.shown(State("b1"), snapshot(overdue()), at(known=START - SECOND))
    told = Loan("L-1", principal=HUNDRED, outstanding=Decimal(900), as_of=TODAY, heard=START - SECOND)
    state, said = onward.tick(replace(state, loans=(told,)), at(START + 2 * SECOND))
    assert LoanRepaired not in kinds(said)


def test_a_snapshot_that_agrees_does_not_wait():
    state, said = snapshots.shown(State("b1"), snapshot(), at(known=START - DAY))
    assert (state.snapshot, said) == (None, ())


def test_of_two_that_wait_the_later_one_is_followed():
    behind = at(known=START - DAY)
    state, _ = snapshots.shown(State("b1"), snapshot(overdue(left=HUNDRED), taken_at=START), behind)
    state, _ = snapshots.shown(state, snapshot(overdue(left=Decimal(50)), taken_at=START - SECOND), behind)
    _, said = onward.tick(state, at(START + DAY))
    assert said[0].arrears.total == HUNDRED


KNOWN = Loan("L-1", principal=Decimal(70), as_of=TODAY, heard=START, version=5)


@pytest.mark.parametrize(
    ("shown", "day", "taken_at", "followed"),
    [
        pytest.param(overdue(version=4), TODAY + DAY, START + DAY, False, id="a lower version"),
        pytest.param(overdue(version=5), TODAY + DAY, START + DAY, True, id="the next day"),
        pytest.param(overdue(version=6), TODAY, START, True, id="a higher version"),
        pytest.param(overdue(version=6), TODAY, START - SECOND, False, id="taken before the latest word"),
        pytest.param(overdue(version=6), TODAY - DAY, START + DAY, False, id="of an earlier day"),
        pytest.param(overdue(), TODAY, START, False, id="of the same day and instant, without a version"),
        pytest.param(overdue(), TODAY, START + SECOND, True, id="taken after the latest word"),
    ],
)
def test_a_snapshot_is_followed_only_when_nothing_as_late_is_known(shown, day, taken_at, followed):
    state = State("b1", loans=(KNOWN,))
    _, said = snapshots.shown(state, snapshot(shown, taken_at=taken_at, day=day), at(START + 2 * DAY))
    assert (LoanRepaired in kinds(said)) is followed


def test_what_the_bank_goes_on_booking_on_a_charged_off_loan_needs_no_repair():
    state = State("b1", loans=(replace(KNOWN, status="charged_off"),))
    shown = replace(overdue(version=5), status="charged_off")
    assert snapshots.shown(state, snapshot(shown, taken_at=START + DAY, day=TODAY + DAY), at(START + DAY))[1] == ()


def test_where_another_service_missed_records_each_loan_is_told_again_once():
    state = State("b1", loans=(KNOWN,))
    agrees = replace(overdue(left=Decimal(70), version=5), loan_id="L-1")
    tomorrow = snapshot(agrees, overdue("L-none", left=ZERO), taken_at=START + DAY, day=TODAY + DAY)
    assert snapshots.shown(state, tomorrow, at(START + DAY))[1] == ()
    state, said = snapshots.shown(state, tomorrow, at(START + DAY, retell=2))
    assert [(fact.loan_id, fact.status, fact.found) for fact in said] == [("L-1", "overdue", snapshots.AGAIN)]
    later = replace(tomorrow, taken_at=START + 2 * DAY)
    assert snapshots.shown(state, later, at(START + 2 * DAY, retell=2))[1] == ()
    assert len(snapshots.shown(state, later, at(START + 2 * DAY, retell=3))[1]) == 1


def test_a_version_left_out_is_found_once_and_struck_off_when_it_comes_late():
    state = State("b1", loans=(KNOWN,))
    state, said = versions.counted(state, "L-1", 9, at())
    assert [(gap.missing.first, gap.missing.last) for gap in said if isinstance(gap, GapFound)] == [(6, 8)]
    state = replace(state, loans=tuple(replace(loan, version=9) for loan in state.loans))
    state, said = versions.counted(state, "L-1", 7, at())
    assert (said, state.loans[0].missing) == ((), ((6, 6), (8, 8)))


@pytest.mark.parametrize(
    ("shown", "lost"),
    [(None, ((2, 3),)), (1, ()), (3, ((2, 3),)), (5, ((2, 3),)), (8, ((2, 3), (6, 8)))],
)
def test_a_snapshot_proves_lost_what_lies_before_it(shown, lost):
    assert versions.never_came(replace(KNOWN, missing=((2, 3),)), shown) == lost


def test_the_runs_of_missing_versions_do_not_grow_for_ever():
    state = State("b1", loans=(KNOWN,))
    for version in range(7, 107, 2):
        state, _ = versions.counted(state, "L-1", version, at())
        state = replace(state, loans=tuple(replace(loan, version=version) for loan in state.loans))
    assert len(state.loans[0].missing) == versions.RUNS_KEPT


def test_a_waiting_snapshot_survives_in_the_state_document():
    state, _ = snapshots.shown(State("b1"), snapshot(overdue()), at(known=START - SECOND))
    codec = Codec(service())
    assert codec.decode(codec.encode(state)) == state
