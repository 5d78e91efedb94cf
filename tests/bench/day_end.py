"""`day-end`: a nightly batch of overdue loans through all four services, until nothing is on its way any more."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deploy.local.stack import LocalStack
from schemas.topics import SERVICES
from tests.bench.contenders import FOLDER
from tests.bench.fleet import PARTS, Count, Fleet, start
from tests.bench.measure import MICRO
from tests.bench.population import mouth, overdue, recorded
from tests.bench.report import Bar, Panel, Progress, table, write


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Borrowers of each batch, one batch after another in the same system, and the local time at which they come."""

    sizes: tuple[int, ...] = (10_000, 100_000)
    at: str = "01:00"
    seconds_max: float = 1800.0


@dataclass(frozen=True, slots=True)
class Batch:
    """What one batch took: `published` of it was the bank's own publishing."""

    borrowers: int
    seconds: float
    published: float
    before: Count
    after: Count

    def read(self, service: str) -> int:
        """Records that a service has read."""
        return self.after.read[service] - self.before.read[service]

    def said(self, service: str) -> int:
        """Facts that a service has said."""
        return self.after.said[service] - self.before.said[service]

    def cpu(self, part: str) -> float:
        """Processor seconds of a part."""
        return self.after.cpu[part] - self.before.cpu[part]

    @property
    def events_in(self) -> int:
        """Records read, over all services."""
        return sum(self.read(service) for service in SERVICES)

    @property
    def events_out(self) -> int:
        """Facts said, over all services."""
        return sum(self.said(service) for service in SERVICES)


def run(stack: LocalStack, options: Options) -> int:
    """Run all sizes; return 0."""
    batches: list[Batch] = []
    with Progress() as progress:
        progress.stage("starting the four services")
        fleet = start(stack, options.at)
        first = 0
        for size in options.sizes:
            progress.stage(f"{size:,} borrowers become known")
            _publish_borrowers(fleet, first, size, progress, options)
            progress.stage(f"{size:,} of them are overdue")
            batches.append(_batch(fleet, first, size, progress, options))
            progress.stage(f"  {_shown(batches[-1])}")
            first += size
    _tell(batches, options)
    return 0


def _publish_borrowers(fleet: Fleet, first: int, size: int, progress: Progress, options: Options) -> None:
    numbers = range(first, first + size)
    with mouth(fleet.stack.bootstrap) as bank:
        bank.say_all(((recorded(n), f"recorded-{n}") for n in numbers), lambda n: progress.show(f"{n:,} published"))
    fleet.wait_until_quiet(lambda left: progress.show(f"{left:,} records on their way"), options.seconds_max)


def _batch(fleet: Fleet, first: int, size: int, progress: Progress, options: Options) -> Batch:
    before = fleet.count()
    with mouth(fleet.stack.bootstrap) as bank:
        facts = ((overdue(n), f"overdue-{n}") for n in range(first, first + size))
        bank.say_all(facts, lambda n: progress.show(f"{n:,} published"))
    published = time.monotonic() - before.at
    quiet = fleet.wait_until_quiet(lambda left: progress.show(f"{left:,} records on their way"), options.seconds_max)
    after = fleet.count()
    return Batch(size, quiet - before.at, published, before, after)


def _shown(batch: Batch) -> str:
    rate_in, rate_out = batch.events_in / batch.seconds, batch.events_out / batch.seconds
    return (
        f"{batch.seconds:.1f} s until quiet: {batch.borrowers / batch.seconds:,.0f} borrowers/s,"
        f" {rate_in:,.0f} events/s in, {rate_out:,.0f} events/s out"
    )


def _micros(batch: Batch) -> dict[str, float]:
    """Processor microseconds of each part per event that the services read."""
    return {part: batch.cpu(part) / batch.events_in * MICRO for part in PARTS}


def _figures(batch: Batch) -> dict[str, Any]:
    return {
        "borrowers": batch.borrowers,
        "seconds": batch.seconds,
        "published_seconds": batch.published,
        "events_in": {service: batch.read(service) for service in SERVICES},
        "events_out": {service: batch.said(service) for service in SERVICES},
        "cpu_seconds": {part: batch.cpu(part) for part in PARTS},
        "micros_per_own_event": {s: batch.cpu(s) / max(1, batch.read(s)) * MICRO for s in SERVICES},
        "micros_per_event": _micros(batch),
    }


def _tell(batches: Sequence[Batch], options: Options) -> None:
    found = [_figures(batch) for batch in batches]
    table(
        f"Day-end at {options.at} local time, through all four services until quiet",
        ("borrowers", "seconds", "in/s", "out/s", "CPU ms/borrower", "CPU µs/event", *PARTS),
        [_cells(batch, figures) for batch, figures in zip(batches, found, strict=True)],
        "Services: CPU µs per record that this service read. Database, broker, carriers: µs per record read by anyone.",
    )
    write(FOLDER / "results", "day-end", {"command": "day-end", "options": asdict(options), "batches": found},
          _panels(batches))  # fmt: skip


def _cells(batch: Batch, figures: Mapping[str, Any]) -> list[str]:
    parts = {**figures["micros_per_event"], **figures["micros_per_own_event"]}
    all_cpu = sum(batch.cpu(part) for part in PARTS)
    return [
        f"{batch.borrowers:,}",
        f"{batch.seconds:.1f}",
        f"{batch.events_in / batch.seconds:,.0f}",
        f"{batch.events_out / batch.seconds:,.0f}",
        f"{all_cpu / batch.borrowers * 1000:.2f}",
        f"{all_cpu / batch.events_in * MICRO:.0f}",
        *(f"{parts[part]:.0f}" for part in PARTS),
    ]


def _panels(batches: Sequence[Batch]) -> list[Panel]:
    return [
        Panel("CPU µs per event read", [Bar(f"{b.borrowers:,} borrowers", _micros(b)) for b in batches]),
        Panel("Seconds until quiet", [
            Bar(f"{b.borrowers:,} borrowers", {"seconds": b.seconds}, f"{b.seconds:.1f} s") for b in batches
        ]),
    ]  # fmt: skip
