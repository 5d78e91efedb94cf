"""How much may go out on each channel at this moment: its pace, its window, and its rest when a carrier is away."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from prometheus_client import Gauge

from services.notifier.channels import Channel, Leaving, Message, Submission

log = structlog.get_logger(__name__)
BACKOFF_SECONDS = (0.5, 15.0)
UNPACED = 1_000_000
AHEAD = 4
"""So many windows of a channel may be in hand. A contact spends most of that time with our database, before and after
the carrier has it; with one window in hand the carrier waited for that."""

DOWN = Gauge("arrears_notifier_channel_down", "1 while a carrier cannot be reached.", ("channel",))


@dataclass(slots=True)
class Pace:
    """So many a second and no more, with no more saved up in quiet times than a fifth of a second's worth."""

    per_second: float | None
    _saved: float = 1.0
    _looked: float = 0.0

    def room(self, now: float) -> int:
        """How many may go at this moment of a monotonic clock; `took` says how many did."""
        if self.per_second is None:
            return UNPACED
        gained = (now - self._looked) * self.per_second if self._looked else 0.0
        self._saved, self._looked = min(self._saved + gained, max(1.0, self.per_second / 5)), now
        return int(self._saved)

    def took(self, many: int) -> None:
        """So many have gone."""
        self._saved -= many


@dataclass(slots=True)
class Lane:
    """One channel and what is in hand for it."""

    name: str
    channel: Channel
    pace: Pace
    busy: int = 0
    delay: float = 0.0
    closed_at: float = 0.0
    closed_until: float = 0.0
    _window: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        """The carrier's own window."""
        self._window = asyncio.Semaphore(self.channel.window)

    def room(self) -> int:
        """How many more may be taken in hand at this moment."""
        now = time.monotonic()
        if now < self.closed_until or not self.channel.ready():
            return 0
        return min(AHEAD * self.channel.window - self.busy, self.pace.room(now))

    def took(self, contacts: Sequence[object]) -> None:
        """So many are in hand; `ended` says of each when it no longer is."""
        self.pace.took(len(contacts))
        self.busy += len(contacts)

    def ended(self) -> None:
        """One is no longer in hand."""
        self.busy -= 1

    async def submit(self, message: Message, leaving: Leaving) -> Submission:
        """Hand over one message when the carrier's window has room. Raises what the channel raises."""
        async with self._window:
            return await self.channel.submit(message, leaving)

    def went_well(self) -> None:
        """The carrier has answered."""
        if self.delay:
            log.info("channel_up", channel=self.name)
        self.delay = 0.0
        DOWN.labels(self.name).set(0)

    def went_down(self, why: str, began: float) -> None:
        """The carrier could not be reached: leave it alone for a while, longer each time.

        `began`: the instant of a monotonic clock at which this message was handed in. All that were under way when the
        lane closed tell of one absence, which counts once.
        """
        if self.closed_at and began <= self.closed_at:
            return
        if not self.delay:
            log.warning("channel_down", channel=self.name, reason=why)
        self.delay = min(max(self.delay * 2, BACKOFF_SECONDS[0]), BACKOFF_SECONDS[1])
        self.closed_at = time.monotonic()
        self.closed_until = self.closed_at + self.delay
        DOWN.labels(self.name).set(1)
