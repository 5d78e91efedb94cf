"""One transaction at a time per partition number in this process, so that a borrower's decisions do not collide."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

BRIEF_SECONDS = 0.1
"""A person waits no longer than this for a batch; then row lock and version check alone keep order."""


class Numbers:
    """A lock per partition number."""

    def __init__(self) -> None:
        self._locks: dict[int, threading.Lock] = {}
        self._guard = threading.Lock()

    @contextmanager
    def of(self, *numbers: int) -> Iterator[None]:
        """Hold the numbers for the block; they are taken in one order, so that nobody waits in a circle."""
        with ExitStack() as held:
            for number in sorted(numbers):
                held.enter_context(self._lock(number))
            yield

    @contextmanager
    def briefly(self, *numbers: int) -> Iterator[None]:
        """Hold the numbers for the block, or go on without those that are busy for longer than a moment."""
        ends, held = time.monotonic() + BRIEF_SECONDS, []
        try:
            for number in sorted(numbers):
                lock = self._lock(number)
                if lock.acquire(timeout=max(0.0, ends - time.monotonic())):
                    held.append(lock)
            yield
        finally:
            for lock in held:
                lock.release()

    def _lock(self, number: int) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(number, threading.Lock())
