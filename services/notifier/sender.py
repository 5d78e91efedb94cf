"""The one place where a notice leaves the house: claim, look once more, hand over, record what became of it.

Only notices on partitions whose stopping facts are known to the second are touched; the others are held and counted. A
contact is claimed in its borrower's own state, so a stop comes either before (and it is not sent) or after. What was
claimed and has no outcome is never sent again: it ends as unknown.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from prometheus_client import Counter, Gauge

from schemas.values import Sealed
from services.kit.plug import Runtime
from services.kit.service import Refused as NotAllowed
from services.kit.vault import NotOpened
from services.notifier import domain, handlers, store_outgoing
from services.notifier.channels import Accepted, Channel, ChannelDown, Refused, Submission, Unknown
from services.notifier.domain import Borrower, Policy
from services.notifier.store_outgoing import Outgoing
from services.notifier.text import Unfit, Written

log = structlog.get_logger(__name__)
Running = Runtime[Borrower, Policy]
Write = Callable[[Outgoing, str, str, datetime], Written]
"""Turns a contact, the address and the name in clear, and the instant into a message. Raises Unfit."""

ROUND_SECONDS = 0.1
LOOK_SECONDS = 1.0
STRANDED_SECONDS = 20.0
"""True seconds after which a claimed contact that is not in our hands is in nobody's: no carrier may take so long."""

HAND_OVER_SECONDS = 0.9
"""True seconds between what is known and the handing over: below the one second after which a stop must have worked."""

REST_SECONDS = 1.0
BACKOFF_SECONDS = (0.5, 15.0)
DRAIN_SECONDS = 5.0
UNPACED = 1_000_000
THREADS = 24
"""Steps under way at a time: commands that wait for each other share a transaction."""

FIELDS = {"sms": "phones.number", "voice": "phones.number", "email": "emails.address", "letter": "addresses.text"}
"""Under which path the vault sealed the address of a channel."""

SENT = Counter("arrears_notifier_submissions_total", "Notices handed to a carrier, by outcome.", ("channel", "outcome"))
HELD = Gauge("arrears_notifier_held", "Notices held because what could stop them is not known to the second.")
DOWN = Gauge("arrears_notifier_channel_down", "1 while a carrier cannot be reached.", ("channel",))

T = TypeVar("T")


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
class _Lane:
    """One channel and what is under way on it."""

    name: str
    channel: Channel
    pace: Pace
    busy: int = 0
    delay: float = 0.0
    closed_until: float = 0.0

    def room(self) -> int:
        """How many more may go at this moment."""
        now = time.monotonic()
        if now < self.closed_until or not self.channel.ready():
            return 0
        return min(self.channel.window - self.busy, self.pace.room(now))

    def went_well(self) -> None:
        if self.delay:
            log.info("channel_up", channel=self.name)
        self.delay = 0.0
        DOWN.labels(self.name).set(0)

    def went_down(self, why: str) -> None:
        if not self.delay:
            log.warning("channel_down", channel=self.name, reason=why)
        self.delay = min(max(self.delay * 2, BACKOFF_SECONDS[0]), BACKOFF_SECONDS[1])
        self.closed_until = time.monotonic() + self.delay
        DOWN.labels(self.name).set(1)


@dataclass(slots=True)
class Sender:
    """Sends what may be sent on the partitions of this worker."""

    runtime: Running
    channels: Mapping[str, Channel]
    write: Write
    rates: Mapping[str, float | None] = field(default_factory=dict)
    """Messages a second by channel; none named: as many as the carrier takes."""
    _lanes: dict[str, _Lane] = field(init=False)
    _hands: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _resting: dict[str, float] = field(default_factory=dict)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, "sender"))
    _looked: float = 0.0

    def __post_init__(self) -> None:
        """A lane for each channel."""
        self._lanes = {
            name: _Lane(name, channel, Pace(self.rates.get(name))) for name, channel in self.channels.items()
        }

    async def run(self) -> None:
        """Send, for ever. Cancelled, it lets what is under way end, and records what is known of the rest."""
        try:
            while True:
                await self._round_or_wait()
                await asyncio.sleep(ROUND_SECONDS)
        finally:
            await self.drain()
            self._threads.shutdown(wait=False)

    async def _round_or_wait(self) -> None:
        try:
            await self.round()
        except Exception as error:
            log.warning("sender_waits", reason=type(error).__name__, detail=str(error)[:200])
            await asyncio.sleep(REST_SECONDS)

    async def round(self) -> None:
        """Take what may go now and start sending it; from time to time look for what is held or stranded."""
        owned = self.runtime.owned()
        fresh = sorted(partition for partition in owned if self.runtime.fresh(partition))
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            await self._aside(self._look, sorted(owned), sorted(owned.difference(fresh)))
        if fresh:
            await asyncio.gather(*(self._take(lane, fresh) for lane in self._lanes.values() if lane.room() > 0))

    async def _take(self, lane: _Lane, fresh: Sequence[int]) -> None:
        """Start what may go on one channel; how much waits on another makes no difference."""
        found = await self._aside(self._due, fresh, [lane.name], lane.room())
        lane.pace.took(len(found))
        for outgoing in found:
            self._start(outgoing)

    async def drain(self) -> None:
        """Take nothing more; wait a little for what is under way, then let go of it."""
        under_way = list(self._hands.values())
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    def in_hand(self) -> int:
        """How many are under way."""
        return len(self._hands)

    def _due(self, partitions: Sequence[int], channels: Sequence[str], limit: int) -> list[Outgoing]:
        """What may go, with the keys of its borrowers at hand."""
        for contact, until in list(self._resting.items()):
            if until <= time.monotonic():
                self._resting.pop(contact, None)
        but = [*self._hands, *self._resting]
        with self.runtime.engine.connect() as db:
            rows = store_outgoing.due(db, partitions, channels, self.runtime.clock.now(), but=but, limit=limit)
        self.runtime.vault.prepare(row.borrower_id for row in rows)
        return rows

    def _look(self, owned: Sequence[int], behind: Sequence[int]) -> None:
        now = self.runtime.clock.now()
        a_second = self.runtime.clock.seconds(timedelta(seconds=1))  # true seconds in a business second
        before = now - timedelta(seconds=STRANDED_SECONDS / a_second)
        with self.runtime.engine.connect() as db:
            HELD.set(store_outgoing.held(db, behind, now))
            found = store_outgoing.stranded(db, owned, before, [*self._hands])
        for contact in found:
            log.warning("contact_stranded", contact_id=contact.contact_id)
            outcome = domain.Unknown("the sender was lost between claim and outcome")
            act = handlers.command(domain.submitted, contact.contact_id, outcome)
            with contextlib.suppress(NotAllowed):
                self.runtime.command(contact.borrower_id, act, key=f"stranded/{contact.contact_id}")

    # -- one contact --------------------------------------------------------------------------------------------------

    def _start(self, outgoing: Outgoing) -> None:
        lane = self._lanes[outgoing.channel]
        lane.busy += 1
        task = asyncio.create_task(self._send(outgoing, lane), name=outgoing.contact_id)
        self._hands[outgoing.contact_id] = task

        def ended(done: asyncio.Task[None]) -> None:
            lane.busy -= 1
            self._hands.pop(outgoing.contact_id, None)
            if not done.cancelled() and (error := done.exception()):
                self._resting[outgoing.contact_id] = time.monotonic() + REST_SECONDS
                log.error("contact_not_sent", contact_id=outgoing.contact_id, reason=repr(error)[:200])

        task.add_done_callback(ended)

    async def _send(self, outgoing: Outgoing, lane: _Lane) -> None:
        written = await self._aside(self._written, outgoing)
        claim = f"{outgoing.contact_id}/{uuid.uuid4().hex[:12]}"
        if not await self._may_go(outgoing) or not await self._claim(outgoing, claim):
            self._resting[outgoing.contact_id] = time.monotonic() + REST_SECONDS
            return
        try:
            known = await self._still_meant(outgoing)
            handed_over = self.runtime.clock.now()
            self._check_in_time(known, handed_over)
            outcome = await self._submit(outgoing, written, lane)
        except ChannelDown:
            self._resting[outgoing.contact_id] = time.monotonic() + REST_SECONDS
            await self._record(outgoing, domain.released, f"released/{claim}")
            return
        SENT.labels(outgoing.channel, type(outcome).__name__.lower()).inc()
        told = _told(outcome, written, outgoing.language, handed_over)
        await self._record(outgoing, domain.submitted, f"submitted/{claim}", told)

    async def _still_meant(self, outgoing: Outgoing) -> datetime:
        """Look again after the claim, which may have taken long; answer up to when all is known that was looked at.

        A stop that was read since the claim finds the contact claimed, and cannot cancel it any more. Raises
        ChannelDown when there was one: nothing has left the house, and the contact is given back.
        """
        known = self.runtime.known_as_of(outgoing.partition)
        state = await self._aside(self.runtime.state, outgoing.borrower_id)
        if not domain.meant(state, outgoing.contact_id, self.runtime.clock.now()):
            raise ChannelDown("it was stopped after it was claimed")
        return known

    def _check_in_time(self, known: datetime, handed_over: datetime) -> None:
        """What was published after `known` may be a stop: nothing leaves that late. Raises ChannelDown."""
        if self.runtime.clock.seconds(handed_over - known) > HAND_OVER_SECONDS:
            raise ChannelDown("what could stop it is not known closely enough")

    async def _submit(self, outgoing: Outgoing, written: Written | Refused, lane: _Lane) -> Submission:
        """Hand over. Raises ChannelDown when nothing left the house, or nothing may any more."""
        if isinstance(written, Refused):
            return written
        if not self.runtime.fresh(outgoing.partition):
            raise ChannelDown("the partition fell behind")
        try:
            outcome = await lane.channel.submit(written.message)
        except ChannelDown as down:
            lane.went_down(str(down))
            raise
        except asyncio.CancelledError:
            return Unknown("the sender was stopped while the carrier had it")
        lane.went_well()
        return outcome

    def _written(self, outgoing: Outgoing) -> Written | Refused:
        """The message in clear. A person who was forgotten, or a text that may not be sent, is a refusal."""
        try:
            if outgoing.point is None:
                return Refused("the contact point is not known any more")
            to = self._opened(outgoing.borrower_id, FIELDS[outgoing.channel], outgoing.point)
            named = outgoing.channel == "letter" and outgoing.name
            name = self._opened(outgoing.borrower_id, "name", outgoing.name) if named and outgoing.name else ""
            return self.write(outgoing, to, name, self.runtime.clock.now())
        except NotOpened:
            return Refused("the contact data cannot be opened")
        except Unfit as unfit:
            log.error("text_unfit", contact_id=outgoing.contact_id, reason=str(unfit))
            return Refused(f"the text may not be sent: {unfit}")

    def _opened(self, borrower_id: str, path: str, sealed: Mapping[str, str]) -> str:
        return self.runtime.vault.open(borrower_id, path, Sealed(**sealed))

    async def _may_go(self, outgoing: Outgoing) -> bool:
        """Whether all is known that could stop it: nothing unread, nothing behind a dead letter."""
        if not self.runtime.fresh(outgoing.partition):
            return False
        return not await self._aside(self.runtime.held, outgoing.borrower_id)

    async def _claim(self, outgoing: Outgoing, claim: str) -> bool:
        act = handlers.command(domain.claimed, outgoing.contact_id)
        try:
            await self._aside(self._command, outgoing.borrower_id, act, f"claimed/{claim}")
        except NotAllowed as refused:
            log.info("claim_refused", contact_id=outgoing.contact_id, reason=str(refused))
            return False
        return True

    async def _record(
        self, outgoing: Outgoing, decision: Callable[..., domain.Reaction], key: str, *given: object
    ) -> None:
        """Store the outcome, however long the database is away; a second try with the same key changes nothing."""
        act, delay = handlers.command(decision, outgoing.contact_id, *given), BACKOFF_SECONDS[0]
        while True:
            try:
                await self._aside(self._command, outgoing.borrower_id, act, key)
                return
            except NotAllowed as refused:
                log.warning("outcome_refused", contact_id=outgoing.contact_id, reason=str(refused))
                return
            except Exception as error:
                log.warning("outcome_waits", contact_id=outgoing.contact_id, reason=type(error).__name__)
            await asyncio.sleep(delay)
            delay = min(delay * 2, BACKOFF_SECONDS[1])

    def _command(self, borrower_id: str, act: handlers.Act, key: str) -> None:
        self.runtime.command(borrower_id, act, key=key)

    async def _aside(self, work: Callable[..., T], *given: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)


def _told(outcome: Submission, written: Written | Refused, language: str, at: datetime) -> domain.Submission:
    """The outcome as the domain knows it; `at` is when it was handed over."""
    match outcome, written:
        case Accepted(reference), Written(_, template, version, digest):
            return domain.Accepted(reference, at, version, digest, template, language)
        case Refused(reason), _:
            return domain.Refused(reason)
        case _:
            return domain.Unknown(getattr(outcome, "reason", ""))
