"""The one place where a notice leaves the house: claim, hand over through the fence, record what became of it.

Only notices on partitions whose stopping facts are known to the second are touched; the others are held and counted. A
contact is claimed in its borrower's own state, so that nobody else hands it over. What was claimed and has no outcome
is never sent again: it ends as unknown. Many are claimed in one transaction, and recorded in one, but each is handed
over, and fails, alone. Until it leaves it can be stopped: its channel asks the door (`fence.py`) in the last instant,
and what may not go is given back.
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
from services.kit.plug import Asked, Runtime, Said
from services.kit.service import Refused as NotAllowed
from services.kit.vault import NotOpened
from services.notifier import domain, handlers, store_outgoing
from services.notifier.channels import (
    Accepted,
    Channel,
    ChannelDown,
    Refused,
    Submission,
    Unknown,
    Withheld,
    is_reference,
)
from services.notifier.domain import Borrower, Policy
from services.notifier.fence import Door, Fence
from services.notifier.lanes import Lane, Pace
from services.notifier.outcomes import NotStorable, Outcomes
from services.notifier.store_outgoing import Outgoing
from services.notifier.text import Unfit, Written

log = structlog.get_logger(__name__)
Running = Runtime[Borrower, Policy]
Write = Callable[[Outgoing, str, str, datetime], Written]
"""Turns a contact, the address and the name in clear, and the instant into a message. Raises Unfit."""

GROUP = 64
"""So many are claimed in one transaction: more would be out of a stop's reach for longer than they need."""

ROUND_SECONDS = 0.1
LOOK_SECONDS = 1.0
STRANDED_SECONDS = 20.0
"""True seconds after which a claimed contact that is not in our hands is in nobody's: no carrier may take so long."""

REST_SECONDS = 1.0
DRAIN_SECONDS = 5.0
THREADS = 8
"""Steps under way at a time that wait for the database: some groups per channel, and the outcomes."""

FIELDS = {"sms": "phones.number", "voice": "phones.number", "email": "emails.address", "letter": "addresses.text"}
"""Under which path the vault sealed the address of a channel."""

SENT = Counter("arrears_notifier_submissions_total", "Notices handed to a carrier, by outcome.", ("channel", "outcome"))
HELD = Gauge("arrears_notifier_held", "Notices held because what could stop them is not known to the second.")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A contact that nobody else hands over, its text, and the name of its claim."""

    outgoing: Outgoing
    written: Written | Refused
    claim: str


@dataclass(slots=True)
class Sender:
    """Sends what may be sent on the partitions of this worker."""

    runtime: Running
    channels: Mapping[str, Channel]
    write: Write
    rates: Mapping[str, float | None] = field(default_factory=dict)
    """Messages a second by channel; none named: as many as the carrier takes."""
    _lanes: dict[str, Lane] = field(init=False)
    _outcomes: Outcomes = field(init=False)
    _fence: Fence = field(init=False)
    _hands: set[str] = field(default_factory=set)
    _groups: set[asyncio.Task[None]] = field(default_factory=set)
    _resting: dict[str, float] = field(default_factory=dict)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, "sender"))
    _looked: float = 0.0

    def __post_init__(self) -> None:
        """A lane for each channel."""
        self._lanes = {name: Lane(name, channel, Pace(self.rates.get(name))) for name, channel in self.channels.items()}
        self._outcomes = Outcomes(self.runtime, self._aside)
        self._fence = Fence(self.runtime, self._aside)

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
        rooms = {name: room for name, lane in self._lanes.items() if (room := lane.room()) > 0}
        if fresh and rooms:
            found = await self._aside(self._due, fresh, rooms)
            for name in rooms:  # how much waits on one channel makes no difference to another
                self._take([outgoing for outgoing in found if outgoing.channel == name])

    def _take(self, found: Sequence[Outgoing]) -> None:
        """Start what may go on one channel."""
        for first in range(0, len(found), GROUP):
            self._start(found[first : first + GROUP])

    async def drain(self) -> None:
        """Take nothing more; wait a little for what is under way, then let go of it."""
        under_way = list(self._groups)
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=DRAIN_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    def in_hand(self) -> int:
        """How many are under way."""
        return len(self._hands)

    def _due(self, partitions: Sequence[int], rooms: Mapping[str, int]) -> list[Outgoing]:
        """What may go on channels that have so much room, with the keys of its borrowers at hand."""
        for contact, until in list(self._resting.items()):
            if until <= time.monotonic():
                self._resting.pop(contact, None)
        but = [*self._hands, *self._resting]
        with self.runtime.engine.begin() as db:
            rows = store_outgoing.due(db, partitions, rooms, self.runtime.clock.now(), but=but)
        self.runtime.vault.prepare(row.borrower_id for row in rows)
        return rows

    def _look(self, owned: Sequence[int], behind: Sequence[int]) -> None:
        now = self.runtime.clock.now()
        a_second = self.runtime.clock.seconds(timedelta(seconds=1))  # true seconds in a business second
        before = now - timedelta(seconds=STRANDED_SECONDS / a_second)
        with self.runtime.engine.begin() as db:
            HELD.set(store_outgoing.held(db, behind, now))
            found = store_outgoing.stranded(db, owned, before, [*self._hands])
        for contact in found:
            log.warning("contact_stranded", contact_id=contact.contact_id)
            outcome = domain.Unknown("the sender was lost between claim and outcome")
            act = handlers.command(domain.submitted, contact.contact_id, outcome)
            with contextlib.suppress(NotAllowed):
                self.runtime.command(contact.borrower_id, act, key=f"stranded/{contact.contact_id}")

    # -- many at a time -----------------------------------------------------------------------------------------------

    def _start(self, group: Sequence[Outgoing]) -> None:
        """Begin with contacts of one channel."""
        lane = self._lanes[group[0].channel]
        lane.took(group)
        self._hands |= {outgoing.contact_id for outgoing in group}
        task = asyncio.create_task(self._send(group, lane))
        self._groups.add(task)
        task.add_done_callback(self._groups.discard)

    async def _send(self, group: Sequence[Outgoing], lane: Lane) -> None:
        claimed: list[Claimed] = []
        try:
            claimed = await self._aside(self._claimed, group)
        except Exception as error:
            log.error("contacts_not_claimed", count=len(group), reason=repr(error)[:200])
        going = {one.outgoing.contact_id for one in claimed}
        for outgoing in group:
            if outgoing.contact_id not in going:
                self._rest(outgoing)
                self._let_go(outgoing, lane)
        await asyncio.gather(*(self._send_one(one, lane) for one in claimed))

    def _rest(self, outgoing: Outgoing) -> None:
        self._resting[outgoing.contact_id] = time.monotonic() + REST_SECONDS

    def _let_go(self, outgoing: Outgoing, lane: Lane) -> None:
        self._hands.discard(outgoing.contact_id)
        lane.ended()

    def _claimed(self, group: Sequence[Outgoing]) -> list[Claimed]:
        """Write and claim what may go. Nothing that could fail comes behind the claim: the door looks at the rest."""
        written = {outgoing.contact_id: self._written(outgoing) for outgoing in group}
        claims = self._claim(self._may_go(group))
        return [Claimed(outgoing, written[outgoing.contact_id], claim) for outgoing, claim in claims]

    def _may_go(self, group: Sequence[Outgoing]) -> list[Outgoing]:
        """Those of whom all is known that could stop them: nothing unread, nothing behind a dead letter."""
        fresh = [outgoing for outgoing in group if self.runtime.fresh(outgoing.partition)]
        held = self.runtime.held({outgoing.borrower_id for outgoing in fresh})
        return [outgoing for outgoing in fresh if outgoing.borrower_id not in held]

    def _claim(self, group: Sequence[Outgoing]) -> list[tuple[Outgoing, str]]:
        """Those that are ours now, each with the name of its claim."""
        claims = [f"{outgoing.contact_id}/{uuid.uuid4().hex[:12]}" for outgoing in group]
        asked = [
            Asked(o.borrower_id, handlers.command(domain.claimed, o.contact_id), f"claimed/{claim}")
            for o, claim in zip(group, claims, strict=True)
        ]
        answers = self.runtime.commands(asked)
        return [(o, claim) for o, claim, answer in zip(group, claims, answers, strict=True) if _is_ours(o, answer)]

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

    # -- one contact --------------------------------------------------------------------------------------------------

    async def _send_one(self, one: Claimed, lane: Lane) -> None:
        try:
            await self._hand_over(one, lane)
        except Exception as error:
            log.error("contact_not_sent", contact_id=one.outgoing.contact_id, reason=repr(error)[:200])
            self._rest(one.outgoing)
        finally:
            self._let_go(one.outgoing, lane)

    async def _hand_over(self, one: Claimed, lane: Lane) -> None:
        outgoing, door = one.outgoing, Door(self._fence, one.outgoing)
        try:
            outcome = await self._submit(one, lane, door)
        except (ChannelDown, Withheld) as why:
            log.info("contact_given_back", contact_id=outgoing.contact_id, reason=str(why))
            self._rest(outgoing)
            await self._record(outgoing, domain.released, f"released/{one.claim}")
            return
        SENT.labels(outgoing.channel, type(outcome).__name__.lower()).inc()
        told = _told(outcome, one.written, outgoing.language, door.at)
        try:
            await self._record(outgoing, domain.submitted, f"submitted/{one.claim}", told)
        except NotStorable:
            told = domain.Unknown("what became of it cannot be stored")
            await self._record(outgoing, domain.submitted, f"not-storable/{one.claim}", told)

    async def _submit(self, one: Claimed, lane: Lane, door: Door) -> Submission:
        """Hand over. Raises ChannelDown when nothing left the house, Withheld when nothing may any more."""
        if isinstance(one.written, Refused):
            await door()
            return one.written
        began = time.monotonic()
        try:
            outcome = await lane.submit(one.written.message, door)
        except ChannelDown as down:
            lane.went_down(str(down), began)
            raise
        except asyncio.CancelledError:
            if door.shut():
                raise Withheld("the sender was stopped before it left") from None
            return Unknown("the sender was stopped while the carrier had it")
        lane.went_well()
        return outcome

    async def _record(
        self, outgoing: Outgoing, decision: Callable[..., domain.Reaction], key: str, *given: object
    ) -> None:
        act = handlers.command(decision, outgoing.contact_id, *given)
        await self._outcomes.store(Asked(outgoing.borrower_id, act, key))

    async def _aside(self, work: Callable[..., T], *given: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)


def _is_ours(outgoing: Outgoing, answer: Said | Exception) -> bool:
    """Whether the claim was made for certain. Where that is not known nothing is sent, and it is found stranded."""
    if isinstance(answer, NotAllowed):
        log.info("claim_refused", contact_id=outgoing.contact_id, reason=str(answer))
        return False
    if isinstance(answer, Exception):
        log.error("contact_not_claimed", contact_id=outgoing.contact_id, reason=repr(answer)[:200])
        return False
    return True


def _told(outcome: Submission, written: Written | Refused, language: str, at: datetime | None) -> domain.Submission:
    """The outcome as the domain knows it; `at` is when it was let out, as its channel asked."""
    match outcome, written:
        case Accepted(reference), Written(_, template, version, digest) if at is not None and is_reference(reference):
            return domain.Accepted(reference, at, version, digest, template, language)
        case Accepted(), _ if at is not None:
            return domain.Unknown("the carrier took it under a reference that cannot be kept")
        case Refused(reason), _:
            return domain.Refused(reason)
        case _:
            return domain.Unknown(getattr(outcome, "reason", "it was handed over without being asked for"))
