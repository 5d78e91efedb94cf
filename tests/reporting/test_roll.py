"""A service for which nobody works is missed, a restart is not."""

from services.reporting.app import IDLE_LOOKS, Roll
from services.reporting.domain.alarms import alarms

NOBODY, VISITS = frozenset[str](), frozenset({"visits"})


def looks(roll: Roll, *found: frozenset[str]) -> list[str]:
    for idle in found:
        roll.call(idle)
    return roll.missing()


def test_a_restart_is_not_missed():
    assert looks(Roll(), VISITS, VISITS, NOBODY, VISITS) == []


def test_who_stays_away_is_missed_even_when_a_worker_looks_in_and_ends_again():
    roll = Roll()
    assert looks(roll, *[VISITS] * IDLE_LOOKS) == ["visits"]
    assert looks(roll, VISITS, VISITS, NOBODY, NOBODY) == ["visits"]
    assert looks(roll, *[VISITS] * 5, NOBODY) == ["visits"]


def test_who_is_back_is_not_missed_any_more():
    roll = Roll()
    looks(roll, *[VISITS] * 20)
    assert looks(roll, *[NOBODY] * 3) == []


def test_the_alarm_names_the_service_and_what_to_look_at():
    (alarm,) = alarms([], [], 0, ["visits"])
    assert (alarm.alarm_id, alarm.kind) == ("idle-visits", "stale")
    assert "arrears positions list" in alarm.text
