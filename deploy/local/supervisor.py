"""Keeps processes alive: starts them in order, starts the dead again, stops all in reverse order, leaves none behind.

One thread per process starts it and waits for it. The kernel ends a child when the *thread* that started it ends, so
that even a supervisor killed with SIGKILL leaves nothing running.
"""

import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path

from deploy.local.errors import NotStarted
from deploy.local.processes import Process, open_log, spawn, tail
from deploy.local.state import Board, ProcessState, now_text

BACKOFF_SECONDS_MIN, BACKOFF_SECONDS_MAX = 0.2, 5.0
# A process that lived this long had started well; its next restart begins with the short pause again.
STABLE_SECONDS = 10.0
# A process that ends so waits for a person; trying again at once would only fill the log.
EXIT_DECISION, DECISION_SECONDS = 3, 5.0
PROBE_PAUSE_SECONDS = 0.05
# A process that dies this often before it was ever ready will not start by trying again.
RESTARTS_BEFORE_READY_MAX = 3
# An impatient user's second Ctrl-C leaves this for all together. A database that is killed leaves shared memory behind.
HASTE_SECONDS = 4.0
# What a process that did not end in time has for the quick end that its `orphan_signal` asks for.
LAST_WORD_SECONDS = 2.0
# What a thread that prepares a start, and so has no process yet, is given to notice that it shall stop.
PREPARATION_SECONDS_MAX = 0.5


class _Child(threading.Thread):
    def __init__(self, process: Process, log: Path, board: Board) -> None:
        super().__init__(name=f"supervise-{process.name}", daemon=True)
        self.process, self.log = process, log
        self.state = ProcessState(None, False, 0, now_text(), process.endpoint)
        self.error: Exception | None = None
        self.was_ready = False
        self._board = board
        self._starting, self._stopping = threading.Lock(), threading.Event()
        # Not `join`: where Ctrl-C interrupts that, Python 3.11 takes the thread for ended.
        self._over = threading.Event()
        self._running: subprocess.Popen[bytes] | None = None
        board.post(process.name, self.state)

    def run(self) -> None:
        try:
            self._keep_alive()
        finally:
            self._over.set()

    def _keep_alive(self) -> None:
        pause = BACKOFF_SECONDS_MIN
        while not self._stopping.is_set():
            born = time.monotonic()
            self._live()
            pause = BACKOFF_SECONDS_MIN if time.monotonic() - born > STABLE_SECONDS else pause
            pause = max(pause, DECISION_SECONDS) if self.state.why else pause
            if not self._stopping.wait(pause):
                self._post(replace(self.state, restarts=self.state.restarts + 1))
            pause = min(pause * 2, BACKOFF_SECONDS_MAX)

    def _live(self) -> None:
        try:
            self.process.before_start()
            self._spawn()
        except Exception as error:
            self._note(error)
        running = self._running
        if running:
            status = running.wait()
            _kill_group(running.pid)
            self._running = None
            why = "it waits for a decision; its log says which" if status == EXIT_DECISION else ""
            self._post(replace(self.state, pid=None, ready=False, since=now_text(), why=why))

    def _spawn(self) -> None:
        with self._starting, open_log(self.log) as log:
            running = self._running = None if self._stopping.is_set() else spawn(self.process, log)
        if running:
            self._post(replace(self.state, pid=running.pid, since=now_text(), why=""))
            self._await_ready(running)

    def _note(self, error: Exception) -> None:
        with open_log(self.log) as log:
            log.write(f"{now_text()} {self.process.name} could not be started: {error}\n".encode())
        self.error = error

    def _await_ready(self, running: "subprocess.Popen[bytes]") -> None:
        while running.poll() is None and not self._stopping.is_set():
            if self.process.ready():
                self.was_ready = True
                self._post(replace(self.state, ready=True))
                return
            time.sleep(PROBE_PAUSE_SECONDS)

    def _post(self, state: ProcessState) -> None:
        self.state = state
        self._board.post(self.process.name, state)

    def check(self, deadline: float) -> bool:
        if self.error and not self.was_ready:
            raise self.error
        late, hopeless = time.monotonic() > deadline, self.state.restarts >= RESTARTS_BEFORE_READY_MAX
        if not self.was_ready and (late or hopeless):
            why = "keeps ending" if hopeless else f"was not ready within {self.process.ready_seconds_max:.0f} s"
            raise NotStarted(f"{self.process.name} {why}. Its log {self.log} ends with:\n{tail(self.log)}")
        return self.was_ready

    def ask_to_stop(self) -> None:
        self._stopping.set()
        with self._starting:
            running = self._running
        if running:
            running.send_signal(self.process.stop_signal)
            running.send_signal(signal.SIGCONT)

    def finish(self, seconds: float) -> None:
        running = self._running
        self._over.wait(max(0.0, seconds) if running else PREPARATION_SECONDS_MAX)
        if running and not self._over.is_set():
            running.send_signal(self.process.orphan_signal)
            self._over.wait(LAST_WORD_SECONDS)
            _kill_group(running.pid)
            self._over.wait(BACKOFF_SECONDS_MAX)


class Supervisor:
    """Runs processes until it is stopped; to be used from one thread.

    What is known of them stands in `<var>/run/stack.json`, what they print in `<var>/log/<name>.log`.
    """

    def __init__(self, var: Path) -> None:
        self.var = var
        self._board = Board(var)
        self._children: dict[str, _Child] = {}

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *processes: Process) -> None:
        """Start the processes, those that others need first, and return when all are ready.

        Raises NotStarted, or what `before_start` of one of them raised. Those that did start run on until `stop`.
        """
        for level in _levels(processes):
            children = [self._start_one(process) for process in level]
            begun = time.monotonic()
            checks = [partial(child.check, begun + child.process.ready_seconds_max) for child in children]
            self._board.wait_until(lambda checks=checks: all([check() for check in checks]))  # type: ignore[misc]

    def state(self) -> dict[str, ProcessState]:
        """Return what is known of each process, by name."""
        return self._board.processes()

    def declare_ready(self) -> None:
        """Say in the state file that all that was to be started is up."""
        self._board.declare_ready()

    def stop(self, *names: str) -> None:
        """Stop the named processes, or all: dependents first, politely, then by force. Ctrl-C hurries: all at once."""
        children = [self._children[name] for name in names or tuple(self._children)]
        try:
            for level in reversed(list(_levels([child.process for child in children]))):
                self._stop_level([self._children[process.name] for process in level])
        except KeyboardInterrupt:
            with _deaf():
                self._stop_level(children, HASTE_SECONDS)
        for child in children:
            del self._children[child.process.name]
            self._board.post(child.process.name, None)

    def _start_one(self, process: Process) -> _Child:
        if process.name in self._children:
            raise ValueError(f"{process.name} is supervised already")
        child = _Child(process, self.var / "log" / f"{process.name}.log", self._board)
        self._children[process.name] = child
        child.start()
        return child

    def _stop_level(self, children: list[_Child], seconds_max: float = math.inf) -> None:
        for child in children:
            child.ask_to_stop()
        begun = time.monotonic()
        for child in children:
            child.finish(begun + min(child.process.stop_seconds_max, seconds_max) - time.monotonic())


def _levels(processes: Iterable[Process]) -> Iterable[list[Process]]:
    named = {process.name: process for process in processes}
    needs = {name: [need for need in process.needs if need in named] for name, process in named.items()}
    order = TopologicalSorter(needs)
    order.prepare()
    while order.is_active():
        ready = order.get_ready()
        yield [named[name] for name in ready]
        order.done(*ready)


@contextmanager
def _deaf() -> Iterator[None]:
    """No further Ctrl-C interrupts the block: a key that is held down sends many."""
    heard = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
