"""Whether enough happened: a run in which nothing was hurt proves nothing, and fails."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.audit.contract import SERVICES

Line = Mapping[str, Any]
PARTITIONS = 12
FREEZES_THAT_FENCE = 4
"""An owner frozen between two batches may find out by itself; of so many, one has a batch in hand."""

MEANT = (
    "the broker has every input that it acknowledged",
    "reporting has recorded every fact once",
    "assignment has counted every payment once, to the cent",
    "one message per notice",
    "a command counts once",
    *(f"{service} has taken in every input" for service in SERVICES),
    *(f"{service} holds every loan as the bank told it last" for service in SERVICES[:3]),
)
"""Checks that must have had something to look at."""


@dataclass
class Run:
    """What was planned, what the run says that it did, and what the workers noted themselves."""

    plan: Line
    journal: Sequence[Line]
    notes: Sequence[Line]
    done: dict[int, Line] = field(init=False)

    def __post_init__(self) -> None:
        """Faults by their number; a window that was hit late counts as done then."""
        self.done = {line["number"]: line for line in self.journal if line["what"] == "fault"}
        self.done |= {line["number"]: line for line in self.journal if line["what"] == "hit later"}

    @property
    def kills(self) -> int:
        """Processes of services that were killed."""
        return sum(int(line.get("killed", 0)) for line in self.done.values())

    def windows(self) -> Counter[str]:
        """How often each named window was hit, by the notes of the processes that were in it."""
        return Counter(note["window"] for note in self.notes if note["what"] == "hit")

    def faults(self) -> dict[str, Counter[str]]:
        """Where the faults landed: per fault, service (or how) → how often."""
        found: dict[str, Counter[str]] = {}
        for line in self.done.values():
            if not line.get("skipped"):
                found.setdefault(line["fault"], Counter())[line["service"] or line["how"]] += 1
        return found

    def of(self, fault: str) -> list[Line]:
        """What was done of one fault."""
        return [line for line in self.done.values() if line["fault"] == fault and not line.get("skipped")]

    def starts(self) -> Counter[str]:
        """How often each worker was started."""
        return Counter(f"{note['service']}-{note['worker']}" for note in self.notes if note["what"] == "start")

    def recoveries(self) -> list[float]:
        """Seconds from each kill to the first batch that a newly assigned owner of that service applied."""
        applied: dict[str, list[float]] = {}
        for note in self.notes:
            if note["what"] == "applied":
                applied.setdefault(note["service"], []).append(note["at"])
        kills = [line for line in self.done.values() if line["fault"] == "kill"]
        waits = [min((a - k for a in applied.get(s, []) if a > k), default=None) for s, k in map(_when, kills)]
        return sorted(round(wait, 2) for wait in waits if wait is not None)


def _when(line: Line) -> tuple[str, float]:
    return line["service"], line.get("hit_at") or line["at"]


def too_little(run: Run, looked_at: Mapping[str, int], records: int, inputs: int) -> list[str]:
    """Everything that keeps this run from proving anything, a sentence each."""
    return [*_planned(run), *_killed(run), *_frozen(run), *_outside(run), *_volume(run, looked_at, records, inputs)]


def _planned(run: Run) -> Iterable[str]:
    for step in run.plan["steps"]:
        if step["number"] not in run.done:
            yield f"fault {step['number']} ({step['fault']} {step['service']} {step['how']}) was not done"
    for line in run.journal:
        if line["what"] == "given up" and "number" not in line:
            yield f"given up: {line['why']}"
    hits = run.windows()
    for window in run.plan["windows"]:
        if not hits[window]:
            yield f"the window '{window}' was never hit"


def _killed(run: Run) -> Iterable[str]:
    if run.kills < run.plan["kills"]:
        yield f"{run.kills} processes were killed, {run.plan['kills']} were planned"
    starts = run.starts()
    if run.plan["kills"] and sum(starts.values()) < run.kills + 2 * len(SERVICES):
        yield f"{sum(starts.values())} starts of workers do not bear out {run.kills} kills"
    for service in SERVICES:
        owned = [note for note in run.notes if note["what"] == "owns" and note["service"] == service]
        sharing = {note["worker"] for note in owned if 0 < len(note["partitions"]) < PARTITIONS}
        if len(sharing) < 2:
            yield f"{service}: its two workers never shared the partitions"
        if len(owned) < 3:
            yield f"{service}: no rebalance"


def _frozen(run: Run) -> Iterable[str]:
    frozen = run.of("freeze")
    for line in frozen:
        if not line.get("taken_over"):
            yield f"fault {line['number']}: the frozen owner's partitions were not taken over"
    if len(frozen) >= FREEZES_THAT_FENCE and not any(note["what"] == "fenced" for note in run.notes):
        yield "owners were frozen, and none was ever fenced"


def _outside(run: Run) -> Iterable[str]:
    for line in run.of("partition"):
        if line["how"] in ("down", "reset_peer", "timeout") and not (line["cut"] or line["opened_again"]):
            yield f"fault {line['number']}: no connection was cut"
    for line in run.of("disk"):
        if not line["refused"]:
            yield f"fault {line['number']}: the {line['how']} never found its disk full"


def _volume(run: Run, looked_at: Mapping[str, int], records: int, inputs: int) -> Iterable[str]:
    if inputs < run.plan["events"]:
        yield f"{inputs} inputs were told, {run.plan['events']} were planned"
    if run.plan["copies_max"] > 1 and records < 2 * inputs:
        yield f"{records} records of {inputs} inputs: too few copies"
    proofs = [line for line in run.journal if line["what"] == "progress"]
    proved = {line["number"] for line in proofs if all(by > 0 for by in line["moved"].values())}
    if unproved := sorted(run.done.keys() - proved):
        yield f"faults {unproved} were done without proved progress"
    for check in MEANT:
        if not looked_at.get(check):
            yield f"nothing to look at: {check}"
