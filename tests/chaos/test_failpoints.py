"""Moments can be armed, are taken once, and stand in functions that the kit still has."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.failpoints import Failpoints, Notes, Planted
from tests.chaos.windows import HANDLER, IN_TRANSACTION, WINDOWS, slug

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def points(tmp_path: Path) -> Failpoints:
    (tmp_path / "armed").mkdir()
    return Failpoints(tmp_path, "visits", Notes(tmp_path, "visits", "1"))


def arm(folder: Path, window: str, action: str = "raise", times: int = 1, service: str = "visits") -> None:
    order = {"action": action, "step": 5, "times": times}
    (folder / "armed" / f"{service}.{slug(window)}").write_text(json.dumps(order))


def noted(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "notes.jsonl").read_text().splitlines()]


def test_nothing_happens_at_a_moment_that_nobody_armed(points, tmp_path):
    arm(tmp_path, IN_TRANSACTION, service="notifier")
    points.reach(IN_TRANSACTION)
    points.reach(HANDLER)
    assert noted(tmp_path) == []


def test_an_armed_moment_raises_as_often_as_it_was_told_and_is_noted_once(points, tmp_path):
    arm(tmp_path, IN_TRANSACTION, times=2)
    points.reach(HANDLER)
    for _ in range(2):
        with pytest.raises(Planted):
            points.reach(IN_TRANSACTION)
    points.reach(IN_TRANSACTION)
    (note,) = noted(tmp_path)
    assert (note["what"], note["window"], note["step"], note["pid"]) == ("hit", IN_TRANSACTION, 5, os.getpid())


def test_one_process_takes_what_is_armed(points, tmp_path):
    arm(tmp_path, HANDLER)
    other = Failpoints(tmp_path, "visits", Notes(tmp_path, "visits", "2"))
    with pytest.raises(Planted):
        points.reach(HANDLER)
    other.reach(HANDLER)


def test_an_armed_kill_ends_the_process_in_the_moment(tmp_path):
    (tmp_path / "armed").mkdir()
    arm(tmp_path, HANDLER, action="kill")
    program = (
        "import sys; from pathlib import Path; from tests.chaos.failpoints import *; folder = Path(sys.argv[1])\n"
        f"Failpoints(folder, 'visits', Notes(folder, 'visits', '1')).reach({HANDLER!r}); print('lived')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=CHECKOUT, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (-9, b"")


def test_every_window_stands_somewhere_in_the_kit_or_in_notifier(tmp_path):
    """In a process of its own, for what is put around the kit stays there."""
    program = (
        "import sys, inspect; from pathlib import Path; from tests.chaos import failpoints, windows\n"
        "notes = failpoints.Notes(Path(sys.argv[1]), 'notifier', '1')\n"
        "failpoints.install(lambda w: None, notes); failpoints.install_in_notifier(lambda w: None)\n"
        "source = inspect.getsource(failpoints)\n"
        "names = {v: n for n, v in vars(windows).items() if isinstance(v, str) and n.isupper()}\n"
        "print([w.name for w in windows.WINDOWS if f'reach(windows.{names[w.name]})' not in source])"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=CHECKOUT, capture_output=True, check=True)
    assert done.stdout.strip() == b"[]", done.stdout
    assert len({slug(window.name) for window in WINDOWS}) == len(WINDOWS)


def test_notes_of_several_processes_stand_whole_in_one_file(tmp_path):
    for worker in "12":
        Notes(tmp_path, "visits", worker).note("owns", partitions=[1, 2])
    assert [(note["worker"], note["partitions"]) for note in noted(tmp_path)] == [("1", [1, 2]), ("2", [1, 2])]
