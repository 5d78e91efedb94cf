"""Plays many seeds in a few processes, adds up what they did, and makes a short story of what failed."""

import gc
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from multiprocessing import get_context
from typing import Any

import structlog

from schemas.envelope import Fact
from tests.sim.play import Result, Stage
from tests.sim.shrink import Shrinker, Shrunk
from tests.sim.story import told

CHUNK = 25
"""Seeds that a process is given at a time. Cycles are collected behind them: each seed leaves about 4 MB of them."""

FAILED_KEPT = 20
SHRUNK_MAX = 3


@dataclass
class Summary:
    """What all seeds came to. seconds: true ones; processor: of all processes together."""

    first_seed: int
    seeds: int = 0
    events: int = 0
    events_min: int = 0
    deliveries: int = 0
    days: int = 0
    seconds: float = 0.0
    processor: float = 0.0
    trace: str = ""
    faults: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    failed: list[Result] = field(default_factory=list)
    failures: int = 0
    shrunk: list[Shrunk] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count one seed in."""
        self.seeds += 1
        self.events += result.events
        self.events_min = min(self.events_min or result.events, result.events)
        self.deliveries += result.deliveries
        self.days += result.days
        self.processor += result.seconds
        self.faults.update(result.happened)
        self.types.update(result.types)
        if result.violations:
            self.failures += 1
            self.failed = sorted([*self.failed, result], key=lambda r: r.seed)[:FAILED_KEPT]

    @property
    def unsaid(self) -> list[str]:
        """Types of the language that no seed said."""
        return sorted(set(Fact.KINDS) - set(self.types))

    def document(self) -> dict[str, Any]:
        """For machines."""
        numbers = ("first_seed", "seeds", "events", "events_min", "deliveries", "days", "seconds", "processor", "trace")
        return {
            **{name: getattr(self, name) for name in numbers},
            "failures": self.failures,
            "seeds_per_second": self.seeds / self.seconds if self.seconds else 0.0,
            "faults": dict(sorted(self.faults.items())),
            "types": dict(sorted(self.types.items())),
            "types_never_said": self.unsaid,
            "failed": [
                {"seed": r.seed, "trace": r.trace, "violations": [str(v) for v in r.violations[:5]]}
                for r in self.failed
            ],
            "shrunk": [shrunk.lines() for shrunk in self.shrunk],
        }


@contextmanager
def quiet() -> Iterator[None]:
    """What the kit logs about faults is no news here."""
    known = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**known)


@contextmanager
def collected_behind() -> Iterator[None]:
    """No cycles are looked for while seeds are played, which took a fifth of the time; they are collected after it."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()
        gc.unfreeze()


@cache
def stage() -> Stage:
    """This process's stage."""
    return Stage()


def _play(first: int, count: int, events: int) -> list[Result]:
    here = stage()
    with quiet(), collected_behind():
        return [here.play(told(seed, events)) for seed in range(first, first + count)]


def played(
    first_seed: int, seeds: int, events: int, processes: int, progress: Callable[[Summary], None] = lambda _s: None
) -> Summary:
    """Play seeds; every result is the same however many processes there are."""
    summary, traces, began = Summary(first_seed), dict[int, str](), time.monotonic()
    for results in _results(first_seed, seeds, events, processes):
        for result in results:
            summary.add(result)
            traces[result.seed] = result.trace
        summary.seconds = time.monotonic() - began
        progress(summary)
    summary.trace = blake2b("".join(traces[s] for s in sorted(traces)).encode(), digest_size=12).hexdigest()
    return summary


def _results(first_seed: int, seeds: int, events: int, processes: int) -> Iterator[list[Result]]:
    last = first_seed + seeds
    chunks = [(first, min(CHUNK, last - first), events) for first in range(first_seed, last, CHUNK)]
    if processes <= 1:
        yield from (_play(*chunk) for chunk in chunks)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_play, *chunk) for chunk in chunks]):
            yield done.result()


class Unsteady(Exception):
    """The same seed did not do the same again: the simulation itself is at fault."""


def shrunk(failed: Sequence[Result], events: int) -> Iterator[Shrunk]:
    """Replay failing seeds to the same hash, then make them short. Raises Unsteady."""
    with quiet():
        for result in failed:
            story = told(result.seed, events)
            again = stage().play(story)
            if again.trace != result.trace:
                raise Unsteady(f"seed {result.seed} did {result.trace}, then {again.trace}")
            yield Shrinker(stage(), story, again).shrink()
