"""`scale`: the step by one, two and four workers of ours: does a further worker cost more per event?"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from deploy.local.stack import LocalStack
from tests.bench.contenders import BY_NAME, FOLDER
from tests.bench.inputs import fill, make_topics
from tests.bench.job import STAMPED
from tests.bench.measure import Meter, Stretch, log_ends
from tests.bench.report import Bar, Panel, Progress, table, write
from tests.bench.step import examine, placed, roots, started, until_first


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How many workers, one after another, and for how long."""

    workers: tuple[int, ...] = (1, 2, 4)
    events: int = 1_000_000
    loans: int = 50_000
    warm: float = 15.0
    seconds: float = 25.0


def run(stack: LocalStack, options: Options) -> int:
    """Run all; return 1 where a result was wrong."""
    found: list[tuple[int, Stretch, int]] = []
    with Progress() as progress:
        make_topics(stack.bootstrap, STAMPED.name)
        progress.stage(f"publishing {options.events:,} facts on {STAMPED.name}")
        fill(stack.bootstrap, STAMPED, options.events, options.loans, lambda n: progress.show(f"{n:,}"))
        for workers in options.workers:
            progress.stage(f"{workers} worker{'s' if workers > 1 else ''}")
            found.append((workers, *_measured(stack, workers, options, progress)))
            progress.stage(f"  {found[-1][1].rate:,.0f} events/s, {found[-1][1].micros_all:.1f} µs per event")
    _tell(found, options)
    return 1 if any(wrong for _, _, wrong in found) else 0


def _measured(stack: LocalStack, workers: int, options: Options, progress: Progress) -> tuple[Stretch, int]:
    ours = BY_NAME["ours"]
    with placed(stack, ours) as place:
        with ExitStack() as running, log_ends(place.bootstrap, place.said) as ends:
            processes = [
                running.enter_context(started(ours, place, ARREARS_INSTANCE=str(number))) for number in range(workers)
            ]
            meter = Meter(roots(stack, *(process.pid for process in processes)), lambda: ends()[place.said])
            until_first(processes[0], ours, meter)
            first = meter.watch(options.warm, options.events * 0.97, lambda n: progress.show(f"{n:,.0f}"))
            last = meter.watch(options.seconds, options.events * 0.97, lambda n: progress.show(f"{n:,.0f}"))
        _, wrong, _ = examine(place.bootstrap, place.said)
        return meter.between(first, last), wrong


def _tell(found: Sequence[tuple[int, Stretch, int]], options: Options) -> None:
    rows: list[dict[str, Any]] = [
        {"workers": workers, "rate": s.rate, "micros": s.micros, "micros_all": s.micros_all, "wrong": wrong}
        for workers, s, wrong in found
    ]
    table(
        "The step by several workers on this machine's cores",
        ("workers", "events/s", "CPU µs/event", "own", "database", "broker", "wrong"),
        [
            (
                *(row["workers"], f"{row['rate']:,.0f}", f"{row['micros_all']:.1f}"),
                *(f"{row['micros'][part]:.1f}" for part in ("own", "database", "broker")),
                row["wrong"],
            )
            for row in rows
        ],
    )
    bars = [Bar(f"{row['workers']} workers", row["micros"]) for row in rows]
    write(FOLDER / "results", "scale", {"command": "scale", "options": asdict(options), "rows": rows},
          [Panel("CPU µs per event", bars)])  # fmt: skip
