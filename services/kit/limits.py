"""When dead letters are so many that the fault must be ours: a partition stops before it is drained into them."""

from collections.abc import Sequence
from dataclasses import dataclass

LATEST = 5000
"""The ratio is that of the latest records: of at least half as many, and of no more."""

FEWEST = 500
"""A ratio counts only among at least so many records."""


class TooManyDeadLetters(Exception):
    """A broken deployment or a broken producer. Nothing of this batch is kept; its partition stands still and says so.

    accepted: the offset below which somebody had accepted them when this was raised.
    """

    def __init__(self, reason: str, accepted: int = 0) -> None:
        super().__init__(reason)
        self.accepted = accepted


@dataclass(frozen=True, slots=True)
class Tally:
    """How many records, and how many of them dead."""

    records: int = 0
    dead: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.records + other.records, self.dead + other.dead)


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts dead letters of one topic partition by run length and ratio, in a few numbers however small batches are.

    latest: the records since it was last full. before: those until then.
    """

    run_limit: int
    ratio_limit: float
    run: int = 0
    latest: Tally = Tally()
    before: Tally = Tally()

    def check(self, dead: Sequence[bool]) -> "Limits":
        """The counts after these records, in order. Raises TooManyDeadLetters."""
        run, longest = self._runs(dead)
        if longest >= self.run_limit:
            raise TooManyDeadLetters(f"{longest} records in a row cannot be applied")
        latest, before = self._with(Tally(len(dead), sum(dead)))
        seen = before + latest
        if seen.records >= FEWEST and seen.dead / seen.records > self.ratio_limit:
            raise TooManyDeadLetters(f"{seen.dead} of the latest {seen.records} records cannot be applied")
        return Limits(self.run_limit, self.ratio_limit, run, latest, before)

    def _runs(self, dead: Sequence[bool]) -> tuple[int, int]:
        """The run that these records end with, and the longest on the way."""
        if not any(dead):
            return (0 if dead else self.run), self.run
        run = longest = self.run
        for one in dead:
            run = run + 1 if one else 0
            longest = max(longest, run)
        return run, longest

    def _with(self, more: Tally) -> tuple[Tally, Tally]:
        if self.latest.records + more.records <= LATEST // 2:
            return self.latest + more, self.before
        return more, self.latest
