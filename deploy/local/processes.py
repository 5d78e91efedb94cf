"""What a supervised process is: a value. Starting, watching and stopping it is the supervisor's work."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_LAUNCHER = Path(__file__).with_name("launch.py")
_LOG_BYTES_MAX = 10_000_000


@dataclass(frozen=True)
class User:
    """A user of the operating system to run as, by numbers."""

    user_id: int
    group_id: int


@dataclass(frozen=True)
class Process:
    """One process of the stack.

    `before_start` runs before every start and may take its time; what it raises at the first start reaches the caller.
    `ready` is asked until it says yes; it must not raise, and answers within a few seconds.
    `orphan_signal` is what the process gets if its supervisor dies, and if it does not stop in time.
    `needs` names those that must be ready before it.
    """

    name: str
    argv: tuple[str, ...]
    endpoint: str = ""
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    before_start: Callable[[], None] = lambda: None
    ready: Callable[[], bool] = lambda: True
    ready_seconds_max: float = 90
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds_max: float = 10
    orphan_signal: signal.Signals = signal.SIGKILL
    user: User | None = None


def launched(argv: tuple[str, ...], orphan_signal: signal.Signals, user: User | None) -> list[str]:
    """Return the command line that runs `argv` so that it dies with the calling thread."""
    user_id, group_id = (user.user_id, user.group_id) if user else (-1, -1)
    numbers = (os.getpid(), int(orphan_signal), user_id, group_id)
    return [sys.executable, "-I", "-S", str(_LAUNCHER), *(str(number) for number in numbers), *argv]


def spawn(process: Process, log: IO[bytes]) -> "subprocess.Popen[bytes]":
    """Start the process in a session of its own, so that Ctrl-C in the terminal reaches only its supervisor."""
    return subprocess.Popen(
        launched(process.argv, process.orphan_signal, process.user),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=process.folder,
        env={**os.environ, **process.environment},
        start_new_session=True,
    )


def open_log(path: Path) -> IO[bytes]:
    """Open a log file to append to; one that has grown large is kept once, as `<name>.1`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_BYTES_MAX:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


def tail(path: Path, lines: int = 15) -> str:
    """Return the last lines of a text file, or nothing if it is not there."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 20_000))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
