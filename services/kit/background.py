"""Threads that live as long as the worker: an event loop of its own, and periodic work that survives its errors."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

from services.kit.metrics import WAITS

log = structlog.get_logger("arrears.kit")
T = TypeVar("T")
BACKOFF_SECONDS_MAX = 5.0
STOP_SECONDS = 3.0
ORDERLY_SECONDS = 6.0
"""What is kept gets so long to finish what it had begun: a notice that a carrier is being handed, for example."""


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._kept: set[asyncio.Task[object]] = set()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine there and wait for what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)

    def soon(self, call: Callable[..., object], *arguments: object) -> None:
        """Have a function called there; from any thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(call, *arguments)

    def keep(self, work: Coroutine[Any, Any, object]) -> None:
        """Start a coroutine there, for as long as it runs; called on the loop itself."""
        task = self.loop.create_task(work)
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)

    def stop(self) -> None:
        """Cancel what is kept there and let it end in its own good order; then cancel the rest and end the thread."""
        if self.loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(ORDERLY_SECONDS + STOP_SECONDS)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(STOP_SECONDS)

    async def _end(self) -> None:
        await _cancelled(list(self._kept), ORDERLY_SECONDS)
        await _cancelled([task for task in asyncio.all_tasks() if task is not asyncio.current_task()], STOP_SECONDS / 2)


async def _cancelled(tasks: list[asyncio.Task[object]], seconds: float) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)


class Backoff:
    """Longer and longer pauses while something outside is away; said once per pause."""

    def __init__(self, what: str, first: float = 0.1) -> None:
        self._what, self._first, self._seconds = what, first, first

    def next(self, error: BaseException) -> float:
        """How long to wait after this error, in seconds."""
        seconds, self._seconds = self._seconds, min(self._seconds * 2, BACKOFF_SECONDS_MAX)
        WAITS.labels(self._what).inc()
        log.warning(f"{self._what}: waiting, then trying again", seconds=seconds, error=repr(error)[:300])
        return seconds

    def reset(self) -> None:
        """It is back."""
        if self._seconds != self._first:
            log.info(f"{self._what}: works again")
        self._seconds = self._first


class Periodic:
    """Calls a function again and again in a thread; what it raises is logged, and it is called again."""

    def __init__(self, name: str, seconds: float, work: Callable[[], object]) -> None:
        self._seconds, self._work = seconds, work
        self._stop = threading.Event()
        self._backoff = Backoff(name)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> "Periodic":
        """Begin."""
        self._thread.start()
        return self

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            try:
                self._work()
            except Exception as error:
                if self._stop.is_set():
                    return
                pause = self._backoff.next(error)
            else:
                self._backoff.reset()
                pause = self._seconds

    def stop(self) -> None:
        """End after the call that is under way."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)
