"""Counters, gauges and timings in Prometheus' text format. No label ever names a borrower, a loan or a case."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

Labels: TypeAlias = tuple[str, ...]
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class Counter:
    """Counts up."""

    name: str
    help: str
    labels: Labels = ()
    values: dict[Labels, float] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def add(self, amount: float = 1, *labels: str) -> None:
        """Count so many more."""
        with self.guard:
            self.values[labels] = self.values.get(labels, 0) + amount

    def lines(self) -> Iterator[str]:
        """The text format."""
        yield from _head(self.name, self.help, "counter")
        for labels, value in sorted(self.values.items()) or ([((), 0.0)] if not self.labels else []):
            yield _line(self.name, self.labels, labels, value)


@dataclass(slots=True)
class Gauge:
    """Shows a value that goes up and down."""

    name: str
    help: str
    labels: Labels = ()
    values: dict[Labels, float] = field(default_factory=dict)

    def set(self, value: float, *labels: str) -> None:
        """Show this."""
        self.values[labels] = value

    def replace(self, values: Mapping[Labels, float]) -> None:
        """Show these and no others."""
        self.values = dict(values)

    def lines(self) -> Iterator[str]:
        """The text format."""
        yield from _head(self.name, self.help, "gauge")
        for labels, value in sorted(self.values.items()):
            yield _line(self.name, self.labels, labels, value)


@dataclass(slots=True)
class Timing:
    """A histogram of seconds."""

    name: str
    help: str
    labels: Labels = ()
    counts: dict[Labels, list[int]] = field(default_factory=dict)
    sums: dict[Labels, float] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def observe(self, seconds: float, *labels: str) -> None:
        """Count one more that took so long."""
        with self.guard:
            counts = self.counts.setdefault(labels, [0] * (len(BUCKETS) + 1))
            self.sums[labels] = self.sums.get(labels, 0.0) + seconds
            counts[next((n for n, bound in enumerate(BUCKETS) if seconds <= bound), len(BUCKETS))] += 1

    @contextmanager
    def time(self, *labels: str) -> Iterator[None]:
        """Time the block."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.observe(time.perf_counter() - started, *labels)

    def lines(self) -> Iterator[str]:
        """The text format."""
        yield from _head(self.name, self.help, "histogram")
        for labels, counts in sorted(self.counts.items()):
            total, names = 0, (*self.labels, "le")
            for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
                total += count
                yield _line(f"{self.name}_bucket", names, (*labels, bound), total)
            yield _line(f"{self.name}_sum", self.labels, labels, self.sums[labels])
            yield _line(f"{self.name}_count", self.labels, labels, total)


def _head(name: str, help_: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {help_}"
    yield f"# TYPE {name} {kind}"


def _line(name: str, names: Sequence[str], labels: Sequence[str], value: float) -> str:
    shown = ",".join(f'{n}="{_escaped(v)}"' for n, v in zip(names, labels, strict=True))
    return f"{name}{{{shown}}} {value:g}" if shown else f"{name} {value:g}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


Metric: TypeAlias = Counter | Gauge | Timing
_TOPIC: Labels = ("topic",)


@dataclass(slots=True)
class Metrics:
    """What every service counts."""

    records: Counter = field(
        default_factory=lambda: Counter("arrears_records_applied_total", "Records applied.", _TOPIC)
    )
    repeats: Counter = field(
        default_factory=lambda: Counter("arrears_records_repeated_total", "Records dropped as repeats.", _TOPIC)
    )
    dead: Counter = field(
        default_factory=lambda: Counter("arrears_dead_letters_total", "Records put into the dead letters.", _TOPIC)
    )
    parked: Counter = field(
        default_factory=lambda: Counter("arrears_records_parked_total", "Records parked behind a dead letter.", _TOPIC)
    )
    gaps: Counter = field(
        default_factory=lambda: Counter("arrears_sequence_gaps_total", "Gaps found in sequences.", _TOPIC)
    )
    fenced: Counter = field(
        default_factory=lambda: Counter("arrears_batches_fenced_total", "Batches refused by the stored position.")
    )
    waits: Counter = field(
        default_factory=lambda: Counter("arrears_waits_total", "Times that work waited for the outside.", ("what",))
    )
    ticks: Counter = field(default_factory=lambda: Counter("arrears_ticks_total", "Timers run."))
    stuck: Counter = field(default_factory=lambda: Counter("arrears_stuck_timers_total", "Timers pushed back."))
    published: Counter = field(
        default_factory=lambda: Counter("arrears_records_published_total", "Records published.", _TOPIC)
    )
    batch_seconds: Timing = field(
        default_factory=lambda: Timing("arrears_batch_seconds", "Seconds per fetched batch.", _TOPIC)
    )
    publish_seconds: Timing = field(
        default_factory=lambda: Timing("arrears_publish_seconds", "Seconds from commit to acknowledgement.")
    )
    lag: Gauge = field(
        default_factory=lambda: Gauge("arrears_lag_records", "Records not yet applied.", ("topic", "partition"))
    )
    fresh_age: Gauge = field(
        default_factory=lambda: Gauge("arrears_known_as_of_age_seconds", "Age of what is known.", ("partition",))
    )

    own: list[Metric] = field(default_factory=list)

    def all(self) -> list[Metric]:
        """All of them, the service's own too."""
        return [*(getattr(self, name) for name in self.__slots__ if name != "own"), *self.own]

    def show(self, *metrics: Metric) -> None:
        """Show these of the service's own on `/metrics` as well."""
        self.own += [metric for metric in metrics if metric not in self.own]


METRICS = Metrics()
"""One process is one service: it counts here."""


def exposition(metrics: Iterable[Metric]) -> str:
    """The page that Prometheus reads."""
    return "\n".join(line for metric in metrics for line in metric.lines()) + "\n"
