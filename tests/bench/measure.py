"""What a stretch of work costs: processor seconds of whole process trees, and progress read off the logs' ends."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import psutil
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec

Roots: TypeAlias = Mapping[str, Sequence[int]]
"""Part (own, database, broker …) → process ids at the root of its trees."""

MICRO = 1_000_000


def cpu_seconds(roots: Sequence[int]) -> float:
    """User and system time that these trees have used so far, dead children of the roots included."""
    return sum(_tree(pid) for pid in roots)


def _tree(pid: int) -> float:
    try:
        root = psutil.Process(pid)
        reaped = root.cpu_times()
        total: float = reaped.children_user + reaped.children_system
        return total + sum(_one(process) for process in (root, *root.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0.0


def _one(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def memory_bytes(roots: Sequence[int]) -> int:
    """Resident memory of these trees."""
    return sum(_memory(pid) for pid in roots)


def _memory(pid: int) -> int:
    try:
        root = psutil.Process(pid)
        return sum(process.memory_info().rss for process in (root, *root.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment: seconds on the monotonic clock, a count, and the processor seconds used by each part."""

    at: float
    count: float
    cpu: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Stretch:
    """What lies between two marks."""

    seconds: float
    events: float
    cpu: Mapping[str, float]
    memory_bytes: int = 0

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds if self.seconds else 0.0

    @property
    def micros(self) -> dict[str, float]:
        """Processor microseconds per event of each part."""
        return {part: seconds / self.events * MICRO for part, seconds in self.cpu.items()} if self.events else {}

    @property
    def micros_all(self) -> float:
        """Processor microseconds per event of all parts."""
        return sum(self.micros.values())


@dataclass(slots=True)
class Meter:
    """Takes marks. `count` answers how many events are done; it may ask the broker."""

    roots: Roots
    count: Callable[[], float]
    peak: int = field(default=0)

    def mark(self) -> Mark:
        """This moment."""
        return Mark(time.monotonic(), self.count(), {part: cpu_seconds(pids) for part, pids in self.roots.items()})

    def watch(self, seconds: float, enough: float, show: Callable[[float], None], pause: float = 0.5) -> Mark:
        """Wait until so many seconds have passed or so many events are done; answer the mark at that moment."""
        ends = time.monotonic() + seconds
        while True:
            time.sleep(pause)
            self.peak = max(self.peak, memory_bytes(self.roots.get("own", ())))
            now = self.mark()
            show(now.count)
            if now.at >= ends or now.count >= enough:
                return now

    def between(self, first: Mark, last: Mark, share: float = 1.0) -> Stretch:
        """The stretch between two marks; `share` of the count were real events."""
        cpu = {part: last.cpu[part] - first.cpu[part] for part in first.cpu}
        return Stretch(last.at - first.at, (last.count - first.count) * share, cpu, self.peak)


@contextmanager
def log_ends(bootstrap: str, *topics: str) -> Iterator[Callable[[], dict[str, int]]]:
    """Asks how many offsets each of these topics has given out, over all partitions, in one request a time."""
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        described = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(list(topics))}
        spots = {TopicPartition(name, n): OffsetSpec.LATEST for name, count in described.items() for n in range(count)}

        def ask() -> dict[str, int]:
            ends: dict[str, int] = dict.fromkeys(topics, 0)
            for spot, end in admin.list_partition_offsets(spots).items():
                ends[spot.topic] += end.offset
            return ends

        yield ask
