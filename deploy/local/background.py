"""A stack that goes on after the command that started it has returned, and how to stop it."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from deploy.local.errors import AlreadyRunning, Misused, NotStarted
from deploy.local.processes import open_log, tail
from deploy.local.stack import holder, usable
from deploy.local.state import StackState, read_state

_LOOK_SECONDS = 0.1
EXIT_MISUSED = 2
"""With this a program says that an option or setting must be mended; the end of its log names it."""


def start_in_background(var: Path, argv: Sequence[str], seconds_max: float = 900) -> StackState:
    """Run a program that holds `var` with `running_stack`, and return once it has declared itself ready.

    What the program prints goes to `<var>/log/stack.log`. Raises NoFolder, AlreadyRunning, Misused if the program
    ends so, or NotStarted if it ends otherwise or is not ready in time; it is stopped then.
    """
    usable(var)
    _refuse_if_held(var)
    log = var / "log" / "stack.log"
    with open_log(log) as output:
        program = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    # Whoever starts a stack from a longer program than a command is its parent, and parents wait for their dead.
    reaper = threading.Thread(target=program.wait, daemon=True)
    reaper.start()
    try:
        settled = _until(lambda: not reaper.is_alive() or _ready_state(var) is not None, seconds_max)
    except KeyboardInterrupt:
        program.terminate()
        raise
    state = _ready_state(var)
    if state is None:
        program.terminate()
        why = "ended" if settled else f"was not ready within {seconds_max:.0f} s"
        kind = Misused if program.returncode == EXIT_MISUSED else NotStarted
        raise kind(f"The stack {why}. Its log {log} ends with:\n{tail(log)}")
    return state


def stop_in_background(var: Path, seconds_max: float = 90) -> bool:
    """Stop whatever holds `var`, by force after a while; return once it is gone, and whether there was anything."""
    supervisor = holder(var)
    if supervisor is None:
        return False
    state = read_state(var)
    _signal(supervisor, signal.SIGTERM)
    if not _until(lambda: holder(var) is None, seconds_max):
        _signal(supervisor, signal.SIGKILL)
    pids = [process.pid for process in state.processes.values() if process.pid] if state else []
    _until(lambda: holder(var) is None and not any(psutil.pid_exists(pid) for pid in pids), seconds_max)
    return True


def _refuse_if_held(var: Path) -> None:
    supervisor = holder(var)
    if supervisor is not None:
        raise AlreadyRunning(
            f"A stack is already running in {var} (process {supervisor}). Stop it with `arrears down --var {var}`."
        )


def _ready_state(var: Path) -> StackState | None:
    state = read_state(var)
    return state if state and state.ready and state.supervisor == holder(var) else None


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
