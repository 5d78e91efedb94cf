"""Python's cyclic collector, run when memory asks for it instead of while events are decided.

A batch makes many objects and nearly none of them in cycles, so that looking through them again and again finds nothing
and is the largest single cost of a worker. Automatic collection is off; once a second memory is looked at.
"""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from services.kit.background import Periodic

LOOK_SECONDS = 1.0
GROWN_BYTES = 128 << 20
"""A worker that has grown so much beyond what it ever needed is collected at once: a batch comes and goes."""

SELDOM_SECONDS = 60.0
"""So long garbage may lie, however little it is: files and connections may hang on it."""

FROM_SCRATCH = 30
"""Every so many rounds what outlived earlier ones is looked at too; in the others it is not touched."""


def resident_bytes() -> int:
    """The memory that this process has in hand."""
    return int(psutil.Process().memory_info().rss)


@dataclass(slots=True)
class Collector:
    """Decides when to collect. `start` takes collection over for the whole process."""

    memory: Callable[[], int] = resident_bytes
    level: int = 0
    rounds: int = 0
    at: float = field(default_factory=time.monotonic)

    def start(self) -> Periodic:
        """Collect once, then only when memory or time asks for it."""
        gc.disable()
        self.collect()
        return Periodic("collector", LOOK_SECONDS, self.look).start()

    def look(self) -> None:
        """Collect if it is time."""
        if self.memory() - self.level > GROWN_BYTES or time.monotonic() - self.at > SELDOM_SECONDS:
            self.collect()

    def collect(self) -> None:
        """Collect, and put what is left out of sight of the next rounds."""
        if self.rounds % FROM_SCRATCH == 0:
            gc.unfreeze()
        gc.collect()
        gc.freeze()
        self.rounds, self.level, self.at = self.rounds + 1, max(self.level, self.memory()), time.monotonic()
