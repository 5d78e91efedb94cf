"""Looks again and again whether the stored positions still fit the topics, while a worker runs.

What the fetcher meets by itself (a position outside the log) ends in the same alarm; this also finds a topic that was
deleted and made anew and has grown past the old position, and does not wait for a rebalance.
"""

import contextlib
from collections.abc import Callable
from typing import Any

from kafka.admin import KafkaAdminClient
from sqlalchemy import Engine

from services.kit import positions
from services.kit.admin import logs
from services.kit.database import transaction
from services.kit.outbox import Stream
from services.kit.positions import Misfit, Misplaced, Position
from services.kit.service import Service

WATCH_SECONDS = 5.0


class Watch:
    """One look at a time; to be called from one thread. Keeps its connection to the broker between looks."""

    def __init__(
        self,
        engine: Engine,
        bootstrap: str,
        service: Service[Any, Any],
        running: Callable[[], bool],
        stop: Callable[[Misplaced], None],
    ) -> None:
        self._engine, self._bootstrap, self._name = engine, bootstrap, service.name
        self._running, self._stop = running, stop
        self._topics = sorted(topic.name for topic in service.reads)
        self._admin: KafkaAdminClient | None = None

    def look(self) -> None:
        """Look once, and stop a running worker when a position does not fit. Raises what the client raises."""
        if self._running() and (wrong := self.misfits()):
            self._stop(Misplaced(self._name, wrong))

    def misfits(self) -> list[Misfit]:
        """What does not fit. Positions move on meanwhile, so each is held against the side from which it may not."""
        before = self._stored()
        try:
            if self._admin is None:
                self._admin = KafkaAdminClient(bootstrap_servers=self._bootstrap)
            there = logs(self._admin, self._topics)
        except Exception:
            self.close()
            raise
        after = self._stored()
        early = {m.stream: m for m in positions.misfits(before, there) if m.kind != "cut"}
        late = {m.stream: m for m in positions.misfits(after, there) if m.kind == "cut"}
        return [*early.values(), *(m for stream, m in late.items() if stream not in early)]

    def _stored(self) -> dict[Stream, Position]:
        with transaction(self._engine) as (_, raw):
            return positions.load(raw, self._topics)

    def close(self) -> None:
        """Close the connection; the next look opens another."""
        admin, self._admin = self._admin, None
        with contextlib.suppress(Exception):
            if admin is not None:
                admin.close()
