"""What the demo says at the end: its keys, and whether everything balances."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from deploy.demo import (
    DEFAULT_FOLDER,
    INTERRUPTED,
    Options,
    announce,
    balances,
    before_the_first_day,
    quickness,
    run_demo,
    verdict,
    wipe,
)
from deploy.local.errors import AlreadyRunning, StackError
from deploy.local.stack import held
from deploy.local.system import Endpoints

STATEMENT = {"paid": "1000.00", "reversed": "100.00"}


def summary(**changes):
    good = {
        "laws": [{"name": "cases", "holds": True, "left": "3", "right": "3"}],
        "wrongful_contacts": 0,
        "money": {"paid": "900.00", "attributed": "600.00", "unattributed": "300.00", "currency": "CNY"},
    }
    return {**good, **changes}


def test_a_summary_that_balances_is_found_to_be_right():
    assert verdict(summary(), STATEMENT) == []


def test_a_broken_law_is_named_with_both_its_sides():
    broken = summary(laws=[{"name": "cases", "holds": False, "left": "3", "right": "4"}])
    assert verdict(broken, STATEMENT) == ["The law of cases is broken: 3 ≠ 4."]


def test_a_wrongful_contact_is_never_all_right():
    assert len(verdict(summary(wrongful_contacts=1), STATEMENT)) == 1


@pytest.mark.parametrize("name", ["paid", "attributed", "unattributed"])
def test_a_cent_that_is_missing_is_seen(name):
    off = {**summary()["money"], name: "0.01"}
    assert not balances(summary(money=off), STATEMENT)
    assert not balances(summary(), {**STATEMENT, "paid": "1000.01"})


def test_the_demo_removes_only_what_an_earlier_demo_left(tmp_path):
    for name in ("kafka", "bank", "run", "mine"):
        (tmp_path / name).mkdir()
    wipe(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "mine"}


def test_a_demo_that_is_running_is_not_wiped_away(tmp_path):
    (tmp_path / "kafka").mkdir()
    with held(tmp_path), pytest.raises(AlreadyRunning):
        wipe(tmp_path)
    assert (tmp_path / "kafka").exists()


@pytest.mark.parametrize("wrong", [{"loans": 0}, {"loans": 10_001}, {"days": 0}, {"speed": 0.0}])
def test_what_cannot_be_played_is_refused_before_anything_starts(tmp_path, wrong):
    with pytest.raises(StackError, match="1 to 10000"):
        run_demo(Options(var=tmp_path, console=Console(quiet=True), **wrong))
    assert list(Path(tmp_path).iterdir()) == []


def test_nothing_happens_before_the_first_day_and_the_line_says_when_that_begins():
    assert "begins in 42 s" in before_the_first_day(datetime.now(UTC) + timedelta(seconds=42.3))
    assert before_the_first_day(datetime.now(UTC) - timedelta(seconds=1)) == ""


def test_what_was_never_measured_is_not_told_as_none_seconds():
    assert quickness("stop", {"p50": None, "p99": None}) == "stop none measured"
    assert quickness("stop", {"p50": 0.2, "p99": 0.9}) == "stop p50 0.2 s, p99 0.9 s"


@pytest.mark.parametrize(("leave", "said"), [(True, "then ends"), (False, "until Ctrl-C")])
def test_the_demo_says_at_its_start_how_it_ends(leave, said):
    console = Console(record=True, quiet=False, file=StringIO(), width=200)
    announce(Options(days=8, exit=leave, console=console), Endpoints("k", "d", {"reporting": "r"}))
    [line] = [line for line in console.export_text().splitlines() if line.startswith("Plays 8 days")]
    assert said in line


def test_the_demo_has_a_folder_of_its_own_beside_that_of_up():
    assert DEFAULT_FOLDER.name == "demo"
    assert INTERRUPTED not in (0, 1)
