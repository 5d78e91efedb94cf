"""Business time in a folder goes on where it stood, whatever clock the next start asks for."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.timekeeping import AHEAD_SECONDS, Timekeeper, read_mark
from deploy.up import BadClock, clock_setting, start_in
from services.kit.clock import clock_from

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.fixture
def lived(tmp_path):
    """Call it with a clock for a folder whose data were made under it."""
    (tmp_path / "postgres").mkdir()

    def live(clock):
        with Timekeeper(tmp_path) as keeper:
            keeper.keep(clock)
        return tmp_path

    return live


def fast(now=NOW, factor=7200):
    return f"scaled|{now.isoformat()}|{(datetime.now(UTC) - timedelta(minutes=6)).isoformat()}|{factor}"


@pytest.mark.parametrize("asked", ["system", "7200", "3600x"])
def test_business_time_goes_on_where_it_stood(lived, asked):
    var = lived(fast(datetime.now(UTC)))
    stood = read_mark(var).stood
    assert stood > datetime.now(UTC) + timedelta(days=29)
    started = start_in(var, asked)
    assert stood <= clock_from(started.clock).now() < stood + timedelta(hours=3)
    assert f"{stood:%Y-%m-%d %H:%M} UTC" in started.said
    assert clock_from(started.clock).factor == (1 if asked == "system" else float(asked.rstrip("x")))


def test_a_second_start_at_true_speed_goes_on_as_well(lived):
    var = lived(fast(datetime.now(UTC)))
    lived(start_in(var, "system").clock)
    stood = read_mark(var).stood
    assert clock_from(start_in(var, "system").clock).now() >= stood > datetime.now(UTC) + timedelta(days=29)


def test_a_clock_that_would_turn_time_back_is_refused(lived):
    var = lived(fast(datetime.now(UTC)))
    with pytest.raises(BadClock, match="never runs backwards"):
        start_in(var, clock_setting("scaled|2026-01-05T00:00:00+00:00|2026-01-05T00:00:00+00:00|1"))


def test_a_leap_forward_is_said(lived):
    var = lived(fast(datetime(2026, 1, 5, tzinfo=UTC)))
    started = start_in(var, "system")
    assert started.clock == "system"
    assert "stood at 2026-02-04" in started.said


def test_a_folder_without_data_begins_at_the_present_instant(tmp_path):
    with Timekeeper(tmp_path) as keeper:
        keeper.keep(fast(datetime.now(UTC)))
    assert start_in(tmp_path, "system").clock == "system"
    assert start_in(tmp_path, "3600", NOW).clock == clock_setting("3600", NOW)


def test_true_time_needs_no_word(lived):
    assert start_in(lived("system"), "system").said == ""
    assert start_in(lived("system"), "7200").said == ""


def test_what_is_killed_between_two_marks_has_not_passed_the_last(tmp_path):
    (tmp_path / "postgres").mkdir()
    clock = fast()
    keeper = Timekeeper(tmp_path)
    keeper.keep(clock)
    assert read_mark(tmp_path).stood >= clock_from(clock).now() + timedelta(seconds=7200 * (AHEAD_SECONDS - 1))
    first = read_mark(tmp_path).stood
    time.sleep(1.3)
    assert read_mark(tmp_path).stood > first, "it is marked again and again"
    keeper.__exit__()
