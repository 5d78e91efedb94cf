"""A person's command: the same kind of transaction on one borrower's state, once per idempotency key."""

import json
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Generic, TypeAlias

from schemas.envelope import Event, Fact, read_structured
from services.kit import letters, states
from services.kit.database import transaction
from services.kit.fold import Outcome, command, outcome
from services.kit.plug import KeyReused
from services.kit.service import Context, R, Reaction, S
from services.kit.states import Conflict
from services.kit.work import TRIES, Room, Work
from services.kit.writes import Raw

Act: TypeAlias = Callable[[S, Context[R]], Reaction[S]]
_CLAIM = "INSERT INTO commands (key, digest, borrower_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
_ANSWER = "UPDATE commands SET answer = %s::json WHERE key = %s"
_LOCK = "SELECT 1 FROM states WHERE borrower_id = %s FOR UPDATE"


class Commands(Generic[S, R]):
    """Runs commands, on whichever worker they arrive."""

    def __init__(self, room: Room[S, R]) -> None:
        self._room = room

    def run(self, borrower_id: str, act: "Act[S, R]", key: str, request: bytes = b"") -> Sequence[Event[Fact]]:
        """Run `act` once; answer what was said. Raises Refused and KeyReused; then nothing has changed."""
        room, number = self._room, self._room.partition_of(borrower_id)
        digest = blake2b(borrower_id.encode() + b"\0" + request, digest_size=16).digest()
        with room.numbers.briefly(number):
            for _ in range(TRIES):
                try:
                    return self._committed(number, borrower_id, act, key, digest)
                except Conflict:
                    room.hot.forget(number, [borrower_id])
        raise Conflict(f"command {key}: {TRIES} times in a row")

    def _committed(
        self, number: int, borrower_id: str, act: "Act[S, R]", key: str, digest: bytes
    ) -> Sequence[Event[Fact]]:
        room = self._room
        with transaction(room.engine) as (db, raw):
            if raw.execute(_CLAIM, [key, digest, borrower_id]).rowcount == 0:
                return _earlier(raw, key, digest)
            raw.execute(_LOCK, [borrower_id])
            work = room.open(db, raw, number)
            room.load(work, [borrower_id])
            done = self._act(work, borrower_id, act, key)
            raw.execute(_ANSWER, [_dump(done.said), key])
        room.hot.forget(number, [borrower_id])
        room.committed(work.said)
        return done.said

    def _act(self, work: Work[S, R], borrower_id: str, act: "Act[S, R]", key: str) -> Outcome[S, R]:
        service, state = self._room.service, work.slots[borrower_id].state
        cause = command(service.name, key, work.around.now)
        reaction = act(state, work.around.context(cause, work.reference))
        done = outcome(service, reaction, cause, work.reference, work.around)
        changes = work.changes()
        changes.accept(borrower_id, state, done)
        self._room.flush(work, changes)
        return done

    def state(self, borrower_id: str) -> S:
        """The committed state; a fresh one where nothing is known."""
        with transaction(self._room.engine) as (_, raw):
            found = states.load(raw, self._room.codec, [borrower_id]).get(borrower_id)
        return found.state if found else self._room.service.fresh(borrower_id)

    def held(self, borrower_id: str) -> bool:
        """Whether records of this borrower wait behind a dead letter, so that not all is known of them."""
        with transaction(self._room.engine) as (_, raw):
            return bool(letters.waiting(raw, [borrower_id]))


def _earlier(raw: Raw, key: str, digest: bytes) -> list[Event[Fact]]:
    row = raw.execute("SELECT digest, answer::text FROM commands WHERE key = %s", [key]).fetchone()
    if row is None or bytes(row[0]) != digest:
        raise KeyReused(f"the idempotency key {key!r} was used before with another request")
    return [read_structured(json.dumps(event).encode()) for event in json.loads(row[1])]


def _dump(events: Sequence[Event[Fact]]) -> str:
    return (b"[" + b",".join(event.to_json() for event in events) + b"]").decode()
