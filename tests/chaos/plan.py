"""The fault plan: what is done to whom, after how many events. Made from a seed, saved as JSON, played again."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

from tests.chaos.windows import BY_NAME, FIRST_BATCH, HANDLER, IN_TRANSACTION, TIMER, WINDOWS, Window

SERVICES = ("notifier", "assignment", "visits", "reporting")
WORKERS = ("1", "2")
FAULTS = ("kill", "freeze", "raise", "broker", "database", "partition", "disk", "reset", "duplicate")
CUTS = ("down", "timeout", "reset_peer", "latency", "slicer", "bandwidth")
"""What the proxy does to connections, in Toxiproxy's words."""

FROZEN_SECONDS = (9.0, 14.0)
"""Both beyond the session timeout; the second also beyond the life of an idle transaction in the database."""

LAST_FAULT = 0.92
"""The share of events after which nothing more is done, so that the last faults have something to hurt."""


@dataclass(frozen=True, slots=True)
class Step:
    """One fault. `after`: events that the service must have applied. `how`: the window, the signal, the cut."""

    number: int
    after: int
    fault: str
    service: str
    worker: str = ""
    how: str = ""
    seconds: float = 0.0
    times: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole run. `copies_max`: how often each input is sent at most. `days`: business days of the bank's story."""

    seed: int
    events: int
    kills: int
    faults: tuple[str, ...]
    days: int
    day_seconds: float
    copies_max: int = 1
    windows: tuple[str, ...] = ()
    steps: tuple[Step, ...] = field(default_factory=tuple)

    def save(self, path: Path) -> None:
        """Write it down."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Plan":
        """Read a plan that was saved."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        steps = tuple(Step(**step) for step in raw.pop("steps"))
        told: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()}
        return cls(**told, steps=steps)


Draft: TypeAlias = dict[str, object]
"""A step without its number and place."""


def make_plan(seed: int, events: int, kills: int, faults: Sequence[str], *, days: int, day_seconds: float) -> Plan:
    """Kills by rotation through services and windows, and the other faults strewn between them."""
    if unknown := set(faults) - set(FAULTS):
        raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    chance = Random(f"plan/{seed}")
    drafts = _kills(chance, kills) if "kill" in faults else []
    windows = [str(d["how"]) for d in drafts if d["how"] in BY_NAME]
    for fault, make in _OTHERS.items():
        drafts += make(chance, kills) if fault in faults else []
    windows += [str(d["how"]) for d in drafts if d["fault"] == "raise"]
    return Plan(
        seed,
        events,
        kills if "kill" in faults else 0,
        tuple(f for f in FAULTS if f in faults),
        days,
        day_seconds,
        5 if "duplicate" in faults else 1,
        tuple(w.name for w in WINDOWS if w.name in windows),
        _spread(chance, drafts, events),
    )


def _kills(chance: Random, kills: int) -> list[Draft]:
    """Every window first, if there are kills enough; every third one at a moment that nobody chose."""
    killing = [window for window in WINDOWS if window.kills]
    chance.shuffle(killing)
    drafts: list[Draft] = []
    turn = 0
    for number in range(kills):
        if number % 3 == 2 and kills - number > len(killing) - turn:
            drafts.append(_random_kill(chance, number))
        else:
            drafts.append(_kill_in(chance, killing[turn % len(killing)]))
            turn += 1
    return drafts


def _kill_in(chance: Random, window: Window) -> Draft:
    return {"fault": "kill", "service": chance.choice(window.services), "how": window.name}


def _random_kill(chance: Random, number: int) -> Draft:
    service = SERVICES[number // 3 % len(SERVICES)]
    worker = "both" if number % 12 == 11 else chance.choice(WORKERS)
    return {"fault": "kill", "service": service, "worker": worker, "how": "random", "seconds": chance.random()}


def _freezes(chance: Random, kills: int) -> list[Draft]:
    """Owners stopped beyond the session timeout: between batches, and in the middle of a transaction."""
    ways = ("random", IN_TRANSACTION)
    count = max(2, kills // 8)
    return [
        {
            "fault": "freeze",
            "service": SERVICES[n % 4],
            "worker": chance.choice(WORKERS),
            "how": ways[n % 2],
            "seconds": FROZEN_SECONDS[n // 2 % 2],
        }
        for n in range(count)
    ]


def _raises(chance: Random, kills: int) -> list[Draft]:
    ways = (IN_TRANSACTION, HANDLER, FIRST_BATCH, TIMER)
    services = {TIMER: ("notifier", "assignment")}
    return [
        {
            "fault": "raise",
            "service": chance.choice(services.get(ways[n % 4], SERVICES)),
            "how": ways[n % 4],
            "times": chance.randrange(2, 6) if ways[n % 4] == IN_TRANSACTION else 1,
        }
        for n in range(max(4, kills // 5))
    ]


def _outages(fault: str, how: tuple[str, ...], share: int) -> "Callable[[Random, int], list[Draft]]":
    def make(_chance: Random, kills: int) -> list[Draft]:
        return [{"fault": fault, "service": "", "how": how[n % len(how)]} for n in range(max(1, kills // share))]

    return make


def _partitions(chance: Random, kills: int) -> list[Draft]:
    return [
        {
            "fault": "partition",
            "service": chance.choice(SERVICES),
            "worker": ("broker", "database")[n % 2],
            "how": CUTS[n // 2 % len(CUTS)],
            "seconds": chance.choice((2.0, 4.0, 9.0)),
        }
        for n in range(max(2, kills // 5))
    ]


def _resets(_chance: Random, kills: int) -> list[Draft]:
    return [{"fault": "reset", "service": SERVICES[n % 4], "how": "earliest"} for n in range(max(1, kills // 10))]


_OTHERS: dict[str, "Callable[[Random, int], list[Draft]]"] = {
    "freeze": _freezes,
    "raise": _raises,
    "broker": _outages("broker", ("SIGKILL", "SIGTERM"), 20),
    "database": _outages("database", ("SIGKILL", "SIGQUIT", "SIGINT"), 13),
    "partition": _partitions,
    "disk": _outages("disk", ("database", "broker"), 20),
    "reset": _resets,
}


def _spread(chance: Random, drafts: list[Draft], events: int) -> tuple[Step, ...]:
    """In a random order but for what must come early, at even distances with a random part."""
    drafts = _ordered(chance, drafts)
    gap = events * LAST_FAULT / (len(drafts) + 1)
    places = [int(gap * (n + 1 + chance.uniform(-0.3, 0.3))) for n in range(len(drafts))]
    return tuple(_step(n, place, draft) for n, (place, draft) in enumerate(zip(places, drafts, strict=True), start=1))


def _ordered(chance: Random, drafts: list[Draft]) -> list[Draft]:
    """Half of what may come at any time lies behind all that must come early."""
    chance.shuffle(drafts)
    early, others = [d for d in drafts if _is_early(d)], [d for d in drafts if not _is_early(d)]
    first = [*early, *others[: len(others) // 2]]
    chance.shuffle(first)
    return [*first, *others[len(others) // 2 :]]


def _is_early(draft: Draft) -> bool:
    window = BY_NAME.get(str(draft["how"]))
    return window is not None and window.early


def _step(number: int, after: int, draft: Draft) -> Step:
    return Step(number=number, after=after, **draft)  # type: ignore[arg-type]


def described(steps: Iterable[Step]) -> dict[str, int]:
    """How many of each fault."""
    counts: dict[str, int] = {}
    for step in steps:
        counts[step.fault] = counts.get(step.fault, 0) + 1
    return counts
