"""What is known of the supervised processes, in memory and in a file that other programs may read."""

import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.files import write_whole


@dataclass(frozen=True)
class ProcessState:
    """One process: `pid` is None while it does not run, `since` is the instant of the last start or death.

    `why`: what its last end was, where it ended because a person has to decide.
    """

    pid: int | None
    ready: bool
    restarts: int
    since: str
    endpoint: str
    why: str = ""


@dataclass(frozen=True)
class StackState:
    """All processes of one supervisor; `ready` once everything that was to be started is up."""

    supervisor: int
    ready: bool
    processes: dict[str, ProcessState]


def state_file(var: Path) -> Path:
    """Return where the state of the stack in `var` is written."""
    return var / "run" / "stack.json"


def read_state(var: Path) -> StackState | None:
    """Return what the supervisor in `var` wrote last, or None if none ever ran there."""
    try:
        raw = json.loads(state_file(var).read_text())
    except FileNotFoundError:
        return None
    processes = {name: ProcessState(**state) for name, state in raw["processes"].items()}
    return StackState(raw["supervisor"], raw["ready"], processes)


def now_text() -> str:
    """Return the present instant as ISO text."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Board:
    """Where the threads of a supervisor post what they know; each change is written to the file and wakes who waits."""

    def __init__(self, var: Path) -> None:
        self._file = state_file(var)
        self._changed = threading.Condition(threading.RLock())
        self._processes: dict[str, ProcessState] = {}
        self._ready = False

    def post(self, name: str, state: ProcessState | None) -> None:
        """Replace what is known of one process; None forgets it."""
        with self._changed:
            self._processes = {known: value for known, value in self._processes.items() if known != name}
            if state:
                self._processes[name] = state
            self._write()
            self._changed.notify_all()

    def declare_ready(self) -> None:
        """Say that all that was to be started is up."""
        with self._changed:
            self._ready = True
            self._write()

    def processes(self) -> dict[str, ProcessState]:
        """Return what is known at this moment."""
        with self._changed:
            return dict(self._processes)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds; it is asked at every change and five times a second, and may raise."""
        with self._changed:
            while not condition():
                self._changed.wait(0.2)

    def _write(self) -> None:
        state = StackState(os.getpid(), self._ready, self._processes)
        # The file is a report: a full disk must not stop the processes that it reports on.
        with suppress(OSError):
            write_whole(self._file, json.dumps(asdict(state), indent=2) + "\n")
