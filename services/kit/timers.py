"""Timers are facts: `next_at` stands in the state's row, and whoever owns the partition runs what is due."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from math import ceil
from typing import Generic

import structlog

from services.kit import letters
from services.kit.alarms import raise_alarms
from services.kit.database import transaction
from services.kit.fold import Stuck, on_timer, timer
from services.kit.metrics import STUCK, TICKS
from services.kit.records import Fault
from services.kit.service import R, S
from services.kit.states import Change, Slot
from services.kit.work import Changes, Room, Work

log = structlog.get_logger("arrears.kit")
AT_ONCE = 500
PUSHED_BACK_SECONDS = 60.0
"""A timer that does not move on is looked at again after so many true seconds."""

_DUE = (
    "SELECT due.* FROM unnest(%s::int[]) AS n CROSS JOIN LATERAL ("
    "SELECT borrower_id, version, state::text, partition, next_at FROM states WHERE partition = n AND next_at <= %s"
    " AND NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.borrower_id = states.borrower_id AND d.parks"
    " AND d.redriven_at IS NULL) ORDER BY next_at, borrower_id LIMIT %s FOR UPDATE SKIP LOCKED) AS due"
)
"""So many at most of each partition number, the longest due first."""

_ANY_DUE = "SELECT n FROM unnest(%s::int[]) n WHERE EXISTS (SELECT 1 FROM states WHERE partition = n AND next_at <= %s)"
STUCK_TIMER = "stuck timer"
_WAKE = "UPDATE states SET next_at = least(next_at, %s) WHERE borrower_id = ANY(%s)"


class Timers(Generic[S, R]):
    """Runs due ticks. A borrower with records parked behind a dead letter rests: not all is known of them."""

    def __init__(self, room: Room[S, R]) -> None:
        self._room = room

    def due_on(self, numbers: Iterable[int]) -> list[int]:
        """Those partition numbers on which some timer is due."""
        with transaction(self._room.engine) as (_, raw):
            return [n for (n,) in raw.execute(_ANY_DUE, [list(numbers), self._room.clock.now()])]

    def run(self, *numbers: int, limit: int = AT_ONCE) -> int:
        """Run what is due on some partition numbers, about `limit` at most; answer how many."""
        if not numbers:
            return 0
        with self._room.numbers.of(*numbers):
            work = self._room.again(numbers, lambda isolate: self._run(numbers, limit, isolate))
        TICKS.inc(len(work.slots))
        return len(work.slots)

    def _run(self, numbers: Sequence[int], limit: int, isolate: bool) -> Work[S, R]:
        room, each = self._room, ceil(limit / len(numbers))
        with transaction(room.engine) as (db, raw):
            rows = raw.execute(_DUE, [list(numbers), room.clock.now(), each]).fetchall()
            work = room.open(db, raw, numbers)
            work.slots = {b: Slot(room.codec.decode(doc), version, number) for b, version, doc, number, _ in rows}
            due = {borrower_id: instant for borrower_id, *_, instant in rows}
            if isolate:
                self._isolate(work, due)
            else:
                room.flush(work, self._ticks(work, due))
        return work

    def _isolate(self, work: Work[S, R], due: dict[str, datetime]) -> None:
        """Run each behind a savepoint; one whose rows are refused costs nobody else anything."""
        for borrower_id, instant in due.items():
            if error := self._room.refused(work, partial(self._ticks, work, {borrower_id: instant})):
                changes = work.changes()
                self._bury(work, changes, borrower_id, instant, error)
                self._room.flush(work, changes)

    def _ticks(self, work: Work[S, R], due: dict[str, datetime]) -> Changes[S, R]:
        changes = work.changes()
        for borrower_id, instant in due.items():
            self._tick(work, changes, borrower_id, instant)
        return changes

    def _tick(self, work: Work[S, R], changes: Changes[S, R], borrower_id: str, due: datetime) -> None:
        service, slot = self._room.service, work.slots[borrower_id]
        cause, ground = timer(service.name, borrower_id, slot.version, due), work.ground[slot.partition]
        try:
            done = on_timer(service, slot.state, cause, changes.references[ground], work.around[slot.partition])
        except Stuck as stuck:
            self._push_back(work, changes, borrower_id, stuck)
        except Exception as error:
            log.exception("a tick raised", partition=slot.partition)
            self._bury(work, changes, borrower_id, due, error)
        else:
            changes.accept(borrower_id, slot, done, ground, always=True)

    def _bury(
        self, work: Work[S, R], changes: Changes[S, R], borrower_id: str, due: datetime, error: Exception
    ) -> None:
        _, version, number = work.slots[borrower_id]
        changes.buried.append(letters.timer_item(number, borrower_id, version, due, Fault.of(error, "timer")))

    def _push_back(self, work: Work[S, R], changes: Changes[S, R], borrower_id: str, stuck: Stuck) -> None:
        log.error("a tick does not move on, pushed back", service=self._room.service.name, what=str(stuck))
        STUCK.inc()
        raise_alarms(work.raw, STUCK_TIMER, [(borrower_id, str(stuck))])
        clock = self._room.clock
        wall = clock.wall(work.now).timestamp() + PUSHED_BACK_SECONDS
        later = clock.at(datetime.fromtimestamp(wall, UTC))
        changes.states[borrower_id] = Change(work.slots[borrower_id].state, later)

    def wake(self, borrower_ids: Sequence[str]) -> None:
        """Make these due at once, those too that are never due."""
        with transaction(self._room.engine) as (_, raw):
            raw.execute(_WAKE, [self._room.clock.now(), sorted(borrower_ids)])
