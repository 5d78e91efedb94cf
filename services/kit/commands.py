"""A person's command: the same kind of transaction on one borrower's state, once per idempotency key.

Commands that come while others are under way wait for them and then share one transaction: the cost is the transaction,
not the command. A lone command waits for nothing.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from concurrent.futures import Future
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Generic

import structlog

from schemas.envelope import Event, Fact, read_structured
from services.kit import letters, states
from services.kit.database import is_outside, transaction
from services.kit.fold import Outcome, command, outcome
from services.kit.plug import Asked, KeyReused, Said
from services.kit.service import Context, R, Reaction, Refused, S
from services.kit.states import Conflict
from services.kit.work import TRIES, Changes, Room, Work
from services.kit.writes import Raw

log = structlog.get_logger("arrears.kit")
AT_ONCE = 64
"""So many commands share a transaction at most."""

TURNS = 2
"""Transactions of commands at a time: while one waits for the lock of a large batch, the others need not."""

_CLAIM = "INSERT INTO commands (key, digest, borrower_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
_ANSWER = "UPDATE commands SET answer = %s::json WHERE key = %s"
_LOCK = "SELECT 1 FROM states WHERE borrower_id = %s FOR UPDATE"
_BUSY = (
    "WITH mine AS (SELECT borrower_id FROM states WHERE borrower_id = ANY(%s) FOR UPDATE SKIP LOCKED)"
    " SELECT borrower_id FROM states WHERE borrower_id = ANY(%s) AND borrower_id NOT IN (SELECT borrower_id FROM mine)"
)
"""Locks those that nobody holds, and names the others: the rest of a group need not wait with them."""

_KNOWN = "SELECT key FROM commands WHERE key = ANY(%s)"
_ANSWERED = (
    "INSERT INTO commands (key, digest, borrower_id, answer) VALUES (%s, %s, %s, %s::json) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting(Generic[S, R]):
    """One command that waits for its turn, and for its answer."""

    borrower_id: str
    act: Callable[[S, Context[R]], Reaction[S]]
    key: str
    digest: bytes
    answer: "Future[Said]" = field(default_factory=Future)

    @classmethod
    def of(cls, asked: Asked[S, R]) -> "_Waiting[S, R]":
        digest = blake2b(asked.borrower_id.encode() + b"\0" + asked.request, digest_size=16).digest()
        return cls(asked.borrower_id, asked.act, asked.key, digest)

    def answered(self) -> Said | Exception:
        """What was said or raised, once it is known."""
        error = self.answer.exception()
        if error is None:
            return self.answer.result()
        assert isinstance(error, Exception)
        return error


class Commands(Generic[S, R]):
    """Runs commands, on whichever worker they arrive. Safe to use from any thread."""

    def __init__(self, room: Room[S, R]) -> None:
        self._room = room
        self._waiting: deque[_Waiting[S, R]] = deque()
        self._turns = threading.BoundedSemaphore(TURNS)

    def run(self, asked: Asked[S, R]) -> Said:
        """Run one once; answer what was said. Raises Refused and KeyReused; then nothing has changed."""
        (answer,) = self.run_all([asked])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def run_all(self, asked: Sequence[Asked[S, R]]) -> Sequence[Said | Exception]:
        """Run each once; answer, in their order, what was said or raised."""
        mine = [_Waiting.of(one) for one in asked]
        self._waiting.extend(mine)
        left: list[_Waiting[S, R]] = []
        with self._turns:
            while any(not one.answer.done() and one not in left for one in mine) and (found := self._taken()):
                left += self._settle(found)
        for one in left:  # what waits for somebody else's lock holds no turn
            self._alone(one)
        return [one.answered() for one in mine]  # another thread may have taken some along

    def _taken(self) -> list[_Waiting[S, R]]:
        taken: list[_Waiting[S, R]] = []
        while self._waiting and len(taken) < AT_ONCE:
            try:
                taken.append(self._waiting.popleft())
            except IndexError:
                break
        return taken

    def _settle(self, asked: Sequence[_Waiting[S, R]]) -> list[_Waiting[S, R]]:
        """Answer them together where that works; those that have to be run alone are left."""
        try:
            self._together(asked)
        except Exception as error:
            self._fell_apart(asked, error)
        return [one for one in asked if not one.answer.done()]

    def _fell_apart(self, asked: Sequence[_Waiting[S, R]], error: Exception) -> None:
        """Nothing was changed. Where something outside is away all learn it; else each is tried for itself."""
        if not is_outside(error):
            log.info("commands did not go together, running each alone", count=len(asked), reason=repr(error)[:300])
            return
        for one in asked:
            one.answer.set_exception(error)

    # -- one alone ----------------------------------------------------------------------------------------------------

    def _alone(self, one: _Waiting[S, R]) -> None:
        try:
            one.answer.set_result(self._tried(one))
        except Exception as error:
            one.answer.set_exception(error)

    def _tried(self, one: _Waiting[S, R]) -> Said:
        room, number = self._room, self._room.partition_of(one.borrower_id)
        with room.numbers.briefly(number):
            for _ in range(TRIES):
                try:
                    return self._committed(number, one)
                except Conflict:
                    room.hot.forget(number, [one.borrower_id])
        raise Conflict(f"command {one.key}: {TRIES} times in a row")

    def _committed(self, number: int, one: _Waiting[S, R]) -> Said:
        room, borrower_id = self._room, one.borrower_id
        with transaction(room.engine) as (db, raw):
            if raw.execute(_CLAIM, [one.key, one.digest, borrower_id]).rowcount == 0:
                return _earlier(raw, one.key, one.digest)
            raw.execute(_LOCK, [borrower_id])
            work = room.open(db, raw, [number])
            room.load(work, {borrower_id: number})
            changes = work.changes()
            done = self._act(work, changes, one)
            room.flush(work, changes)
            raw.execute(_ANSWER, [_dump(done.said), one.key])
        room.hot.forget(number, [borrower_id])
        room.committed(work.said)
        return done.said

    def _act(self, work: Work[S, R], changes: Changes[S, R], one: _Waiting[S, R]) -> Outcome[S, R]:
        """Let one command take effect on what is known; raises what it raises, and then changes nothing."""
        service, number = self._room.service, work.slots[one.borrower_id].partition
        known = changes.states.get(one.borrower_id) or work.slots[one.borrower_id]
        around, ground = work.around[number], work.ground[number]
        reference = changes.references[ground]
        cause = command(service.name, one.key, work.now)
        reaction = one.act(known.state, around.context(cause, reference))
        done = outcome(service, reaction, cause, reference, around)
        changes.accept(one.borrower_id, known, done, ground)
        return done

    # -- several together ---------------------------------------------------------------------------------------------

    def _together(self, asked: Sequence[_Waiting[S, R]]) -> None:
        """One transaction for all. Those that it cannot hold are left unanswered."""
        room, by_key = self._room, {one.key: one for one in reversed(asked)}
        borrowers = {one.borrower_id: room.partition_of(one.borrower_id) for one in asked}
        numbers, named = sorted(set(borrowers.values())), list(borrowers)
        with room.numbers.briefly(*numbers), transaction(room.engine) as (db, raw):
            known = {key for (key,) in raw.execute(_KNOWN, [list(by_key)])}
            busy = {borrower for (borrower,) in raw.execute(_BUSY, [named, named])}
            work = room.open(db, raw, numbers)
            room.load(work, {b: number for b, number in borrowers.items() if b not in busy})
            answers = self._answers(
                work, [o for o in asked if by_key[o.key] is o and o.key not in known and o.borrower_id not in busy]
            )
            _claim_all(raw, answers)
        for one, answer in answers:
            room.hot.forget(borrowers[one.borrower_id], [one.borrower_id])
            one.answer.set_exception(answer) if isinstance(answer, Refused) else one.answer.set_result(answer)
        room.committed(work.said)

    def _answers(
        self, work: Work[S, R], asked: Sequence[_Waiting[S, R]]
    ) -> list[tuple[_Waiting[S, R], Said | Refused]]:
        changes = work.changes()
        answers: list[tuple[_Waiting[S, R], Said | Refused]] = []
        for one in asked:
            try:
                answers.append((one, self._act(work, changes, one).said))
            except Refused as refused:
                answers.append((one, refused))
        self._room.flush(work, changes)
        return answers

    # -- asking -------------------------------------------------------------------------------------------------------

    def state(self, borrower_id: str) -> S:
        """The committed state; a fresh one where nothing is known."""
        return self.states([borrower_id])[borrower_id]

    def states(self, borrower_ids: Collection[str]) -> Mapping[str, S]:
        """The committed states of many; fresh ones where nothing is known."""
        with transaction(self._room.engine) as (_, raw):
            return self._states(raw, borrower_ids)

    def _states(self, raw: Raw, borrower_ids: Collection[str]) -> Mapping[str, S]:
        found, fresh = states.load(raw, self._room.codec, list(borrower_ids)), self._room.service.fresh
        return {b: found[b].state if b in found else fresh(b) for b in borrower_ids}

    def held(self, borrower_ids: Collection[str]) -> Set[str]:
        """Those whose records wait behind a dead letter, so that not all is known of them."""
        with transaction(self._room.engine) as (_, raw):
            return letters.waiting(raw, list(borrower_ids))

    def looked_at(self, borrower_ids: Collection[str]) -> tuple[Mapping[str, S], Set[str]]:
        """States, and those who are held, in one transaction."""
        with transaction(self._room.engine) as (_, raw):
            held = letters.waiting(raw, list(borrower_ids))
            return self._states(raw, borrower_ids), held


def _claim_all(raw: Raw, answers: "Sequence[tuple[_Waiting[S, R], Said | Refused]]") -> None:
    """Keep the answers under their keys. Raises Conflict when one of the keys has just been used elsewhere."""
    rows = [
        (one.key, one.digest, one.borrower_id, _dump(answer))
        for one, answer in answers
        if not isinstance(answer, Refused)
    ]
    if rows:
        with raw.cursor() as cursor:
            cursor.executemany(_ANSWERED, rows)
            if cursor.rowcount != len(rows):
                raise Conflict("one of these commands was run elsewhere at the same time")


def _earlier(raw: Raw, key: str, digest: bytes) -> list[Event[Fact]]:
    row = raw.execute("SELECT digest, answer::text FROM commands WHERE key = %s", [key]).fetchone()
    if row is None or bytes(row[0]) != digest:
        raise KeyReused(f"the idempotency key {key!r} was used before with another request")
    return [read_structured(json.dumps(event).encode()) for event in json.loads(row[1])]


def _dump(events: Said) -> str:
    return (b"[" + b",".join(event.to_json() for event in events) + b"]").decode()
