"""A stored position that does not fit its topic: named in one line, and moved only by a decision that is kept."""

import pytest

from services.kit.database import transaction
from services.kit.positions import Log, Misfit, Misplaced, Position, accept, load, load_or_create, misfits, raise_alarms

HERE = ("bank.loans.v1", 3)


@pytest.mark.parametrize(
    ("stored", "log", "kind"),
    [
        (Position(5, "t"), Log(5, 9, "t"), None),
        (Position(9, "t"), Log(5, 9, "t"), None),
        (Position(4, "t"), Log(5, 9, "t"), "cut"),
        (Position(10, "t"), Log(5, 9, "t"), "lost"),
        (Position(5, "t"), Log(0, 9, "u"), "remade"),
        (Position(5, ""), Log(0, 9, "u"), None),
    ],
)
def test_what_does_not_fit_is_told_apart(stored, log, kind):
    assert [misfit.kind for misfit in misfits({HERE: stored}, {HERE: log})] == ([kind] if kind else [])


def test_the_alarm_is_one_line_with_all_that_is_needed_to_decide():
    wrong = [Misfit("cut", ("bank.loans.v1", n), Position(4, "t"), Log(500, 900, "t")) for n in range(12)]
    line = str(Misplaced("notifier", wrong))
    assert "\n" not in line
    for part in ("bank.loans.v1/0 stored position 4, log 500 to 900", "and 9 more", "deleted records before"):
        assert part in line
    assert "arrears positions accept notifier bank.loans.v1 0 --reason WHY" in line


@pytest.mark.parametrize(("kind", "at"), [("cut", 500), ("remade", 500), ("lost", 900)])
def test_it_goes_on_with_all_that_is_left_and_nothing_that_was_applied(kind, at):
    assert Misfit(kind, HERE, Position(4, "t"), Log(500, 900, "t")).go_on_at == at


@pytest.mark.stack
def test_a_decision_moves_the_position_once_is_kept_and_ends_the_alarm(engine):
    with transaction(engine) as (_, raw):
        assert load_or_create(raw, "notifier", {HERE: Log(0, 10, "t")}) == {HERE: 0}
    with transaction(engine) as (_, raw), pytest.raises(Misplaced) as stopped:
        load_or_create(raw, "notifier", {HERE: Log(6, 10, "t")})
    (misfit,) = stopped.value.misfits
    with transaction(engine) as (_, raw):
        raise_alarms(raw, [misfit])
        raise_alarms(raw, [misfit])
        assert raw.execute("SELECT about, times FROM alarms").fetchall() == [("bank.loans.v1/3", 2)]
    with transaction(engine) as (_, raw):
        assert accept(raw, misfit, 6, "the bank sends it again", "anna")
        assert not accept(raw, misfit, 6, "twice", "anna")
        assert load(raw, ["bank.loans.v1"]) == {HERE: Position(6, "t")}
        rows = raw.execute("SELECT kind, stored, accepted, reason, decided_by FROM position_decisions").fetchall()
        assert rows == [("cut", 0, 6, "the bank sends it again", "anna")]
        assert raw.execute("SELECT * FROM alarms").fetchall() == []


@pytest.mark.stack
def test_an_owner_that_sleeps_in_a_transaction_does_not_keep_the_next_one_from_starting(engine):
    logs = {HERE: Log(0, 10, "t"), ("bank.loans.v1", 4): Log(0, 10, "t")}
    with transaction(engine) as (_, raw):
        load_or_create(raw, "notifier", logs)
    with transaction(engine) as (_, asleep):
        asleep.execute("UPDATE positions SET next = 9 WHERE topic = %s AND partition = %s", [*HERE])
        with transaction(engine) as (_, raw):
            raw.execute("SET LOCAL lock_timeout = 500")
            assert set(load_or_create(raw, "notifier", logs).values()) == {0}
