"""Timers are facts: `next_at` stands in the state's row, and whoever owns the partition runs what is due."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
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
    "SELECT borrower_id, version, state::text, next_at FROM states WHERE partition = %s AND next_at <= %s"
    " AND NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.borrower_id = states.borrower_id AND d.parks"
    " AND d.redriven_at IS NULL) ORDER BY next_at, borrower_id LIMIT %s FOR UPDATE SKIP LOCKED"
)
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

    def run(self, number: int, limit: int = AT_ONCE) -> int:
        """Run what is due on a partition number; answer how many."""
        with self._room.numbers.of(number):
            work = self._room.again(number, lambda isolate: self._run(number, 1 if isolate else limit, isolate))
        TICKS.inc(len(work.slots))
        return len(work.slots)

    def _run(self, number: int, limit: int, isolate: bool) -> Work[S, R]:
        room = self._room
        with transaction(room.engine) as (db, raw):
            rows = raw.execute(_DUE, [number, room.clock.now(), limit]).fetchall()
            work = room.open(db, raw, number)
            work.slots = {b: Slot(room.codec.decode(document), version) for b, version, document, _ in rows}
            due = {borrower_id: instant for borrower_id, _, _, instant in rows}
            if not isolate:
                room.flush(work, self._ticks(work, due))
            elif error := room.refused(work, lambda: self._ticks(work, due)):
                self._bury_all(work, due, error)
        return work

    def _ticks(self, work: Work[S, R], due: dict[str, datetime]) -> Changes[S, R]:
        changes = work.changes()
        for borrower_id, instant in due.items():
            self._tick(work, changes, borrower_id, instant)
        return changes

    def _bury_all(self, work: Work[S, R], due: dict[str, datetime], error: Exception) -> None:
        changes = work.changes()
        for borrower_id, instant in due.items():
            self._bury(work, changes, borrower_id, instant, error)
        self._room.flush(work, changes)

    def _tick(self, work: Work[S, R], changes: Changes[S, R], borrower_id: str, due: datetime) -> None:
        service, slot = self._room.service, work.slots[borrower_id]
        cause = timer(service.name, borrower_id, slot.version, due)
        try:
            done = on_timer(service, slot.state, cause, reference=changes.reference, around=work.around)
        except Stuck as stuck:
            self._push_back(work, changes, borrower_id, stuck)
        except Exception as error:
            log.exception("a tick raised", partition=work.around.partition)
            self._bury(work, changes, borrower_id, due, error)
        else:
            changes.accept(borrower_id, slot.state, done, always=True)

    def _bury(
        self, work: Work[S, R], changes: Changes[S, R], borrower_id: str, due: datetime, error: Exception
    ) -> None:
        version, number = work.slots[borrower_id].version, work.around.partition
        changes.buried.append(letters.timer_item(number, borrower_id, version, due, Fault.of(error, "timer")))

    def _push_back(self, work: Work[S, R], changes: Changes[S, R], borrower_id: str, stuck: Stuck) -> None:
        log.error("a tick does not move on, pushed back", service=self._room.service.name, what=str(stuck))
        STUCK.inc()
        raise_alarms(work.raw, STUCK_TIMER, [(borrower_id, str(stuck))])
        clock = self._room.clock
        wall = clock.wall(work.around.now).timestamp() + PUSHED_BACK_SECONDS
        later = clock.at(datetime.fromtimestamp(wall, UTC))
        changes.states[borrower_id] = Change(work.slots[borrower_id].state, later)

    def wake(self, borrower_ids: Sequence[str]) -> None:
        """Make these due at once, those too that are never due."""
        with transaction(self._room.engine) as (_, raw):
            raw.execute(_WAKE, [self._room.clock.now(), sorted(borrower_ids)])
