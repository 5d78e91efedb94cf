"""The fence at the door: whether a claimed contact may still leave the house, looked at in the instant before it does.

A message may wait for a connection, for a slow carrier or for its batch, and a stop may come meanwhile. So every
channel asks its door right before the bytes leave. Those who ask while a look is under way share the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import structlog

from services.kit.plug import Runtime
from services.notifier import domain
from services.notifier.channels import Withheld
from services.notifier.domain import Borrower, Policy
from services.notifier.store_outgoing import Outgoing

log = structlog.get_logger(__name__)
HAND_OVER_SECONDS = 0.9
"""True seconds between what is known and the handing over: below the one second after which a stop must have worked."""

Aside: TypeAlias = Callable[..., Awaitable[Any]]
"""Runs a function that may block in a thread."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was found of one contact. known: up to when all is in it. against: why it may not go, or ""."""

    known: datetime
    against: str


class Fence:
    """Looks at the states of those who ask, many at once."""

    def __init__(self, runtime: Runtime[Borrower, Policy], aside: Aside) -> None:
        self._runtime, self._aside = runtime, aside
        self._waiting: list[tuple[Outgoing, asyncio.Future[Look]]] = []
        self._looking: asyncio.Task[None] | None = None

    async def pass_by(self, outgoing: Outgoing) -> datetime:
        """The instant of passing; nothing may be waited for behind it. Raises Withheld where it may not go."""
        look = await self._look(outgoing)
        now = self._runtime.clock.now()
        if look.against:
            raise Withheld(look.against)
        if self._runtime.clock.seconds(now - look.known) > HAND_OVER_SECONDS:
            raise Withheld("what could stop it is not known closely enough")
        if not self._runtime.fresh(outgoing.partition):
            raise Withheld("the partition fell behind")
        return now

    async def _look(self, outgoing: Outgoing) -> Look:
        found: asyncio.Future[Look] = asyncio.get_running_loop().create_future()
        self._waiting.append((outgoing, found))
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_for_all())
        return await found

    async def _look_for_all(self) -> None:
        await asyncio.sleep(0)  # those who come in the same turn share the first look
        while self._waiting:
            asked, self._waiting = self._waiting, []
            looks: Sequence[Look | Exception]
            try:
                looks = await self._aside(self._seen, [outgoing for outgoing, _ in asked])
            except Exception as error:
                log.warning("fence_cannot_look", count=len(asked), reason=repr(error)[:200])
                looks = [Withheld(f"what could stop it could not be read: {type(error).__name__}")] * len(asked)
            for (_, found), look in zip(asked, looks, strict=True):
                _tell(found, look)

    def _seen(self, group: Sequence[Outgoing]) -> list[Look]:
        """How far each is known is asked first: whatever is read later knows at least as much."""
        known = {outgoing.partition: self._runtime.known_as_of(outgoing.partition) for outgoing in group}
        states, held = self._runtime.looked_at({outgoing.borrower_id for outgoing in group})
        now = self._runtime.clock.now()
        return [Look(known[o.partition], _against(states[o.borrower_id], o, held, now)) for o in group]


def _tell(found: "asyncio.Future[Look]", look: Look | Exception) -> None:
    if found.done():  # nobody waits for it any more where the sender was stopped
        return
    if isinstance(look, Exception):
        found.set_exception(look)
    else:
        found.set_result(look)


def _against(state: Borrower, outgoing: Outgoing, held: Any, now: datetime) -> str:
    if outgoing.borrower_id in held:
        return "something of this borrower waits behind a dead letter"
    return "" if domain.meant(state, outgoing.contact_id, now) else "it was stopped after it was claimed"


@dataclass(slots=True)
class Door:
    """What a channel asks for one contact. at: when it was let out last, None while it is in the house."""

    fence: Fence
    outgoing: Outgoing
    at: datetime | None = None
    _shut: bool = field(default=False, init=False)

    async def __call__(self) -> None:
        """Returns when the message may leave at this instant. Raises Withheld."""
        passed = await self.fence.pass_by(self.outgoing)
        if self._shut:
            raise Withheld("the sender was stopped")
        self.at = passed

    def shut(self) -> bool:
        """Let nothing out from here on; answer whether nothing has been."""
        self._shut = True
        return self.at is None
