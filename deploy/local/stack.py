"""The broker and the database of one `var` folder, started together and stopped together."""

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from deploy.local.database import prepare_database
from deploy.local.errors import AlreadyRunning, NoFolder
from deploy.local.kafka import kafka_process
from deploy.local.postgres import admin_url, postgres_process
from deploy.local.supervisor import Supervisor
from deploy.local.timekeeping import Timekeeper

CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT_VAR = CHECKOUT / "var"


@dataclass(frozen=True)
class LocalStack:
    """A running broker and database; further processes are added with `supervisor.start`.

    Whoever starts processes that live by a business clock has `timekeeper`, if there is one, keep that clock's time.
    """

    var: Path
    supervisor: Supervisor
    bootstrap: str
    database_endpoint: str
    timekeeper: Timekeeper | None = None

    @property
    def secrets(self) -> Path:
        """The file in which the generated passwords are kept."""
        return self.var / "run" / "secrets.json"

    def database_url(self, database: str = "postgres") -> str:
        """Return the URL with which the superuser reaches a database."""
        return admin_url(self.database_endpoint, self.secrets, database)

    def service_urls(self) -> dict[str, str]:
        """Make sure that database, roles and schemas are there, and return each role's URL."""
        return prepare_database(self.database_url(), self.secrets)


@contextmanager
def running_stack(var: Path = DEFAULT_VAR, cache: Path | None = None) -> Iterator[LocalStack]:
    """Run broker and database for as long as the block lasts; on the way out everything started is stopped.

    `cache` is where the jars are kept, the user's cache by default. Raises AlreadyRunning if `var` is in use, and
    whatever the first start of either may raise.
    """
    var = var.resolve()
    with held(var), Timekeeper(var) as timekeeper, Supervisor(var) as supervisor:
        kafka, postgres = kafka_process(var, cache), postgres_process(var)
        supervisor.start(kafka, postgres)
        yield LocalStack(var, supervisor, kafka.endpoint, postgres.endpoint, timekeeper)


@contextmanager
def held(var: Path) -> Iterator[None]:
    """Hold the `var` folder: nobody else may supervise there meanwhile. The kernel lets go when this process ends.

    Raises AlreadyRunning, NoFolder.
    """
    with usable(var).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"A stack is already running in {var} (process {holder(var)}). "
                f"Stop it with `arrears down --var {var}`, or use another folder."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def usable(var: Path) -> Path:
    """Make sure that `var` is a folder to write to; return its lock file. Raises NoFolder."""
    lock = _lock_file(var)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
    except OSError as error:
        raise NoFolder(f"{var} cannot be the folder of data, logs and state: {error.strerror}.") from None
    return lock


def holder(var: Path) -> int | None:
    """Return the id of the process that supervises in `var`, or None."""
    lock = _lock_file(var)
    if not lock.exists():
        return None
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read() or 0) or None
    return None


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM or SIGHUP end the block in good order and without a traceback."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def wait_for_signal() -> NoReturn:
    """Sleep until a signal ends the block of `ending_on_signals`."""
    while True:
        threading.Event().wait(3600)


def _lock_file(var: Path) -> Path:
    return var / "run" / "lock"
