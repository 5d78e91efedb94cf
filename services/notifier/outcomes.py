"""What became of notices, stored: the outcomes that come while a transaction is under way share the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import structlog

from services.kit.plug import Asked, Runtime, Said
from services.kit.service import Refused
from services.notifier.domain import Borrower, Policy

log = structlog.get_logger(__name__)
AGAIN_SECONDS = (0.5, 15.0)
Outcome: TypeAlias = Asked[Borrower, Policy]
Aside: TypeAlias = Callable[..., Awaitable[Any]]
"""Runs a function that may block in a thread."""


class Outcomes:
    """Stores outcomes, however long the database is away; a second try with the same key changes nothing."""

    def __init__(self, runtime: Runtime[Borrower, Policy], aside: Aside) -> None:
        self._runtime, self._aside = runtime, aside
        self._waiting: list[tuple[Outcome, asyncio.Future[None]]] = []
        self._storing: asyncio.Task[None] | None = None
        self._delay = AGAIN_SECONDS[0]

    async def store(self, outcome: Outcome) -> None:
        """Returns once it is stored, or refused for good."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((outcome, stored))
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store_all())
        await stored

    async def _store_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            if left := await self._tried(batch):
                self._waiting = left + self._waiting
                await asyncio.sleep(self._delay)
                self._delay = min(self._delay * 2, AGAIN_SECONDS[1])
            else:
                self._delay = AGAIN_SECONDS[0]

    async def _tried(
        self, batch: Sequence[tuple[Outcome, asyncio.Future[None]]]
    ) -> list[tuple[Outcome, asyncio.Future[None]]]:
        """Those that could not be stored yet."""
        answers = await self._aside(self._runtime.commands, [outcome for outcome, _ in batch])
        left = []
        for (outcome, stored), answer in zip(batch, answers, strict=True):
            if not _is_settled(outcome, answer):
                left.append((outcome, stored))
            elif not stored.done():  # nobody waits for it any more where the sender was stopped
                stored.set_result(None)
        return left


def _is_settled(outcome: Outcome, answer: Said | Exception) -> bool:
    if isinstance(answer, Refused):
        log.warning("outcome_refused", key=outcome.key, reason=str(answer))
    elif isinstance(answer, Exception):
        log.warning("outcome_waits", key=outcome.key, reason=type(answer).__name__)
        return False
    return True
