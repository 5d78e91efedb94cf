"""What became of notices, stored: the outcomes that come while a transaction is under way share the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import structlog

from services.kit.database import is_outside
from services.kit.plug import Asked, Runtime, Said
from services.kit.service import Refused
from services.kit.states import Conflict
from services.notifier.domain import Borrower, Policy

log = structlog.get_logger(__name__)
AGAIN_SECONDS = (0.5, 15.0)
"""True seconds until an outcome is tried again, the first time and at most. The others do not wait for it."""

TRIES = 3
"""So often an outcome is tried that the database, which is there, does not take."""

Outcome: TypeAlias = Asked[Borrower, Policy]
Aside: TypeAlias = Callable[..., Awaitable[Any]]
"""Runs a function that may block in a thread."""


class NotStorable(Exception):
    """The database is there and does not take this outcome: something else must be said instead."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """One outcome that waits to be stored, and who waits for that. delay: true seconds, when it is tried again."""

    outcome: Outcome
    stored: "asyncio.Future[None]"
    tries: int = 0
    delay: float = field(default=AGAIN_SECONDS[0])


class Outcomes:
    """Stores outcomes, however long the database is away; a second try with the same key changes nothing."""

    def __init__(self, runtime: Runtime[Borrower, Policy], aside: Aside) -> None:
        self._runtime, self._aside = runtime, aside
        self._waiting: list[_Waiting] = []
        self._storing: asyncio.Task[None] | None = None

    async def store(self, outcome: Outcome) -> None:
        """Returns once it is stored, or refused for good. Raises NotStorable."""
        waiting = _Waiting(outcome, asyncio.get_running_loop().create_future())
        self._begin(waiting)
        await waiting.stored

    def _begin(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store_all())

    async def _store_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            answers = await self._answers(batch)
            for waiting, answer in zip(batch, answers, strict=True):
                self._settle(waiting, answer)

    async def _answers(self, batch: Sequence[_Waiting]) -> Sequence[Said | Exception]:
        try:
            answers: Sequence[Said | Exception]
            answers = await self._aside(self._runtime.commands, [waiting.outcome for waiting in batch])
        except Exception as error:
            return [error] * len(batch)
        return answers

    def _settle(self, waiting: _Waiting, answer: Said | Exception) -> None:
        if isinstance(answer, Refused):
            log.warning("outcome_refused", key=waiting.outcome.key, reason=str(answer))
        elif isinstance(answer, Exception):
            return self._try_later(waiting, answer)
        if not waiting.stored.done():  # nobody waits for it any more where the sender was stopped
            waiting.stored.set_result(None)

    def _try_later(self, waiting: _Waiting, error: Exception) -> None:
        """Each waits for itself: one that cannot be stored holds up no other."""
        waiting.tries += 0 if is_outside(error) or isinstance(error, Conflict) else 1
        if waiting.tries >= TRIES:
            log.error("outcome_not_storable", key=waiting.outcome.key, reason=repr(error)[:200])
            if not waiting.stored.done():
                waiting.stored.set_exception(NotStorable(f"{type(error).__name__}: {error}"[:200]))
            return
        log.warning("outcome_waits", key=waiting.outcome.key, reason=type(error).__name__)
        asyncio.get_running_loop().call_later(waiting.delay, self._begin, waiting)
        waiting.delay = min(waiting.delay * 2, AGAIN_SECONDS[1])
