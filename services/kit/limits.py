"""When dead letters are so many that the fault must be ours: the service stops before it drains a topic into them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

LATEST = 5000
FEWEST = 500
"""A ratio counts only among at least so many records."""


class TooManyDeadLetters(Exception):
    """A broken deployment or a broken producer. Nothing of this batch is kept; the service stops and says so."""


@dataclass(slots=True)
class Limits:
    """Counts dead letters of one topic partition by run length and ratio."""

    run_limit: int
    ratio_limit: float
    run: int = 0
    latest: deque[tuple[int, int]] = field(default_factory=deque)

    def check(self, dead: Sequence[bool]) -> "Limits":
        """The counts after these records, in order. Raises TooManyDeadLetters."""
        run = longest = self.run
        for one in dead:
            run = run + 1 if one else 0
            longest = max(longest, run)
        if longest >= self.run_limit:
            raise TooManyDeadLetters(f"{longest} records in a row cannot be applied")
        latest = self._with(len(dead), sum(dead))
        total, bad = sum(n for n, _ in latest), sum(b for _, b in latest)
        if total >= FEWEST and bad / total > self.ratio_limit:
            raise TooManyDeadLetters(f"{bad} of the latest {total} records cannot be applied")
        return Limits(self.run_limit, self.ratio_limit, run, latest)

    def _with(self, records: int, dead: int) -> deque[tuple[int, int]]:
        latest = deque(self.latest)
        latest.append((records, dead))
        while len(latest) > 1 and sum(n for n, _ in latest) - latest[0][0] >= LATEST:
            latest.popleft()
        return latest
