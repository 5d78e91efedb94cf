"""Supervision, tried on small real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from deploy.local.errors import NotStarted
from deploy.local.processes import Process
from deploy.local.state import read_state
from deploy.local.supervisor import HASTE_SECONDS, LAST_WORD_SECONDS, Supervisor

SLEEPS = ("sleep", "600")
STUBBORN = (sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)")
PARENT = ("sh", "-c", "sleep 600 & echo $! > child; wait")


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def pid_of(var: Path, name: str) -> int | None:
    state = read_state(var)
    return state.processes[name].pid if state and name in state.processes else None


def test_a_killed_process_is_started_again(tmp_path):
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(Process("sleeper", SLEEPS, endpoint="nowhere"))
        first = pid_of(tmp_path, "sleeper")
        os.kill(first, signal.SIGKILL)
        until(lambda: pid_of(tmp_path, "sleeper") not in (None, first))
        assert supervisor.state()["sleeper"].restarts == 1
        assert supervisor.state()["sleeper"].endpoint == "nowhere"
        second = pid_of(tmp_path, "sleeper")
    assert not psutil.pid_exists(second)
    assert read_state(tmp_path).processes == {}


def test_what_is_needed_is_ready_first_and_stops_last(tmp_path):
    def ends(name: str) -> tuple[str, ...]:
        return (
            "sh",
            "-c",
            f"trap 'echo -{name} >> order; exit' TERM; echo +{name} >> order; while :; do sleep 0.05; done",
        )

    base = Process("base", ends("base"), folder=tmp_path, ready=lambda: "+base" in order())
    upper = Process("upper", ends("upper"), folder=tmp_path, needs=("base",), ready=lambda: "+upper" in order())

    def order() -> list[str]:
        file = tmp_path / "order"
        return file.read_text().split() if file.exists() else []

    with Supervisor(tmp_path) as supervisor:
        supervisor.start(upper, base)
    assert order() == ["+base", "+upper", "-upper", "-base"]


def test_a_process_that_does_not_listen_is_killed_with_its_children(tmp_path):
    started = time.monotonic()
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(
            Process("stubborn", STUBBORN, stop_seconds_max=0.3),
            Process("parent", PARENT, folder=tmp_path, ready=(tmp_path / "child").exists, stop_seconds_max=0.3),
        )
        child = int((tmp_path / "child").read_text())
    until(lambda: not psutil.pid_exists(child))
    assert time.monotonic() - started < 10


def test_a_frozen_process_can_be_stopped(tmp_path):
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(Process("sleeper", SLEEPS))
        frozen = pid_of(tmp_path, "sleeper")
        os.kill(frozen, signal.SIGSTOP)
    assert not psutil.pid_exists(frozen)


def test_a_process_that_keeps_ending_is_reported_with_the_end_of_its_log(tmp_path):
    with Supervisor(tmp_path) as supervisor, pytest.raises(NotStarted, match="no such luck"):
        supervisor.start(Process("unlucky", ("sh", "-c", "echo no such luck; exit 4"), ready=lambda: False))


def test_a_process_that_never_is_ready_is_reported(tmp_path):
    with Supervisor(tmp_path) as supervisor, pytest.raises(NotStarted, match="was not ready within"):
        supervisor.start(Process("slow", SLEEPS, ready=lambda: False, ready_seconds_max=0.2))


def test_a_preparation_that_fails_fails_the_start(tmp_path):
    def prepare() -> None:
        raise ValueError("nothing to eat")

    with Supervisor(tmp_path) as supervisor, pytest.raises(ValueError, match="nothing to eat"):
        supervisor.start(Process("hungry", SLEEPS, before_start=prepare))


def test_a_killed_supervisor_leaves_no_process(tmp_path):
    program = (
        "import pathlib, sys, time\n"
        "from deploy.local.processes import Process\n"
        "from deploy.local.supervisor import Supervisor\n"
        "supervisor = Supervisor(pathlib.Path(sys.argv[1]))\n"
        "supervisor.start(Process('one', ('sleep', '600')), Process('two', ('sleep', '600')))\n"
        "supervisor.declare_ready(); time.sleep(600)\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=Path(__file__).parents[2])
    until(lambda: (state := read_state(tmp_path)) is not None and state.ready)
    pids = [state.pid for state in read_state(tmp_path).processes.values()]
    supervisor.kill()
    supervisor.wait()
    until(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def test_a_process_that_waits_for_a_decision_is_not_started_again_at_once(tmp_path):
    with Supervisor(tmp_path) as supervisor:
        supervisor.start(Process("undecided", ("sh", "-c", "echo once >> runs; sleep 0.2; exit 3"), folder=tmp_path))
        until(lambda: "decision" in read_state(tmp_path).processes["undecided"].why)
        time.sleep(1.5)
        assert (tmp_path / "runs").read_text().split() == ["once"]


ORDERLY = "trap 'sleep 1; echo in good order >> end; exit' INT; echo > begun; while :; do sleep 0.05; done"
DEAF = "trap '' INT; trap 'echo at once >> end; exit' QUIT; echo > begun; while :; do sleep 0.05; done"


@pytest.fixture
def held_in_terminal(tmp_path):
    """Call it with a shell script for a program that supervises it until it is interrupted."""
    program = (
        "import pathlib, signal, sys\n"
        "from deploy.local.processes import Process\n"
        "from deploy.local.stack import ending_on_signals, wait_for_signal\n"
        "from deploy.local.supervisor import Supervisor\n"
        "signal.signal(signal.SIGQUIT, signal.SIG_DFL)  # ignored behind a shell's `&`, and no shell can trap it then\n"
        "var, script = pathlib.Path(sys.argv[1]), sys.argv[2]\n"
        "kept = Process('kept', ('sh', '-c', script), folder=var, ready=(var / 'begun').exists,\n"
        "               stop_signal=signal.SIGINT, orphan_signal=signal.SIGQUIT)\n"
        "with ending_on_signals(), Supervisor(var) as supervisor:\n"
        "    supervisor.start(kept); supervisor.declare_ready(); wait_for_signal()\n"
    )
    started = []

    def start(script):
        argv = [sys.executable, "-c", program, str(tmp_path), script]
        started.append(subprocess.Popen(argv, cwd=Path(__file__).parents[2]))
        until(lambda: (state := read_state(tmp_path)) is not None and state.ready)
        return started[-1]

    yield start
    for program in started:
        program.kill()
        program.wait()


def test_a_key_that_is_held_down_leaves_a_process_time_for_its_own_orderly_end(tmp_path, held_in_terminal):
    program = held_in_terminal(ORDERLY)
    for _ in range(5):
        program.send_signal(signal.SIGINT)
        time.sleep(0.1)
    program.wait(timeout=10)
    assert (tmp_path / "end").read_text() == "in good order\n"


def test_what_does_not_end_in_time_is_asked_for_a_quick_end_before_it_is_killed(tmp_path, held_in_terminal):
    program = held_in_terminal(DEAF)
    begun = time.monotonic()
    for _ in range(2):
        program.send_signal(signal.SIGINT)
        time.sleep(0.1)
    program.wait(timeout=20)
    assert (tmp_path / "end").read_text() == "at once\n"
    assert time.monotonic() - begun < HASTE_SECONDS + LAST_WORD_SECONDS
