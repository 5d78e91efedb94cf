"""Where each partition goes on: the truth that the service starts from, whatever the broker remembers of the group."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from services.kit import alarms
from services.kit.outbox import Stream
from services.kit.writes import Raw

_CREATE = (
    "INSERT INTO positions (topic, partition, topic_id, next) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT (topic, partition) DO NOTHING"
)
_LOAD = "SELECT topic, partition, topic_id, next FROM positions WHERE topic = ANY(%s)"
_ACCEPT = (
    "UPDATE positions SET next = %s, topic_id = %s WHERE topic = %s AND partition = %s AND next = %s AND topic_id = %s"
)
_DECIDED = (
    "INSERT INTO position_decisions (topic, partition, kind, stored, stored_topic_id, log_first, log_last, topic_id,"
    " accepted, reason, decided_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
ALARM = "misplaced position"
NAMED = 3
"""So many partitions are named in one line; the rest are counted."""

Kind = Literal["cut", "remade", "lost"]
WHAT: Mapping[Kind, str] = {
    "cut": "retention deleted records before they were read",
    "remade": "the topic was deleted and made anew",
    "lost": "the broker has lost the end of its log",
}


@dataclass(frozen=True, slots=True)
class Position:
    """The next offset to apply, and which topic of that name it counts in (empty where the broker has no ids)."""

    next: int
    topic_id: str


@dataclass(frozen=True, slots=True)
class Log:
    """What the broker has of a partition: its first offset, the one behind its last record, and the topic's id."""

    first: int
    last: int
    topic_id: str = ""


@dataclass(frozen=True, slots=True)
class Misfit:
    """A stored position from which nothing can be read on without losing records silently."""

    kind: Kind
    stream: Stream
    stored: Position
    log: Log

    @property
    def go_on_at(self) -> int:
        """Where to go on if nobody says otherwise: with all that is left, and with nothing that was applied before."""
        return self.log.last if self.kind == "lost" else self.log.first

    def __str__(self) -> str:
        """One line: which partition, what is stored, what the log holds, and what has happened."""
        topic, number = self.stream
        return f"{topic}/{number} stored position {self.stored.next}, log {self.log.first} to {self.log.last}"


class Misplaced(Exception):
    """Stored positions do not fit the topics: records were deleted unread, or it is another topic of that name.

    Going on would lose records silently; a person has to decide. The service stops. Its text is one line.
    """

    def __init__(self, service: str, misfits: Sequence[Misfit]) -> None:
        self.misfits = tuple(misfits)
        super().__init__(_line(service, self.misfits))


def _line(service: str, misfits: Sequence[Misfit]) -> str:
    first = misfits[0]
    named = "; ".join(str(misfit) for misfit in misfits[:NAMED])
    more = f"; and {len(misfits) - NAMED} more" if len(misfits) > NAMED else ""
    causes = ", ".join(sorted({WHAT[misfit.kind] for misfit in misfits}))
    command = f"arrears positions accept {service} {first.stream[0]} {first.stream[1]} --reason WHY"
    return f"{causes}: {named}{more}. Look with `arrears positions list`, decide with `{command}`"


def load_or_create(raw: Raw, service: str, logs: Mapping[Stream, Log]) -> dict[Stream, int]:
    """The stored position of each of these partitions; a new one begins with what the broker still has.

    Waits for nobody: an owner that sleeps in a transaction holds some rows, and the others must not wait for it too.
    Raises Misplaced when one of them does not fit.
    """
    topics = {topic for topic, _ in logs}
    stored = load(raw, topics)
    if rows := [(*place, log.topic_id, log.first) for place, log in sorted(logs.items()) if place not in stored]:
        with raw.cursor() as cursor:
            cursor.executemany(_CREATE, rows)
        stored = load(raw, topics)
    if wrong := misfits(stored, logs):
        raise Misplaced(service, wrong)
    return {stream: stored[stream].next for stream in logs}


def misfits(stored: Mapping[Stream, Position], logs: Mapping[Stream, Log]) -> list[Misfit]:
    """The stored positions that do not fit what the broker has."""
    pairs = ((stream, stored[stream], log) for stream, log in sorted(logs.items()) if stream in stored)
    return [Misfit(kind, stream, position, log) for stream, position, log in pairs if (kind := _kind(position, log))]


def _kind(stored: Position, log: Log) -> Kind | None:
    if stored.topic_id and log.topic_id and stored.topic_id != log.topic_id:
        return "remade"
    if stored.next < log.first:
        return "cut"
    return "lost" if stored.next > log.last else None


def load(raw: Raw, topics: Iterable[str]) -> dict[Stream, Position]:
    """The stored positions of these topics."""
    rows = raw.execute(_LOAD, [sorted(topics)])
    return {(topic, n): Position(next_, topic_id) for topic, n, topic_id, next_ in rows}


def load_next(raw: Raw, topics: Sequence[str]) -> dict[Stream, int]:
    """The next offset of every partition of these topics that was ever assigned."""
    return {stream: position.next for stream, position in load(raw, topics).items()}


def raise_alarms(raw: Raw, wrong: Iterable[Misfit]) -> None:
    """Keep for people what does not fit."""
    alarms.raise_alarms(raw, ALARM, [(_about(m.stream), f"{m}: {WHAT[m.kind]}") for m in wrong])


def accept(raw: Raw, misfit: Misfit, at: int, reason: str, by: str) -> bool:
    """Go on at this offset by somebody's decision, which is kept. False when the position is another one by now."""
    (topic, number), stored, log = misfit.stream, misfit.stored, misfit.log
    moved = raw.execute(_ACCEPT, [at, log.topic_id, topic, number, stored.next, stored.topic_id]).rowcount
    if moved:
        decided = [topic, number, misfit.kind, stored.next, stored.topic_id, log.first, log.last, log.topic_id]
        raw.execute(_DECIDED, [*decided, at, reason, by])
        alarms.calm(raw, ALARM, _about(misfit.stream))
    return bool(moved)


def _about(stream: Stream) -> str:
    return f"{stream[0]}/{stream[1]}"
