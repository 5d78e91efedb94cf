"""Where each partition goes on: the truth that the service starts from, whatever the broker remembers of the group."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.kit.outbox import Stream
from services.kit.writes import Raw

_CREATE = (
    "INSERT INTO positions (topic, partition, topic_id, next) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT (topic, partition) DO NOTHING"
)
_LOAD = "SELECT topic, partition, topic_id, next FROM positions WHERE topic = ANY(%s)"


class Misplaced(Exception):
    """A stored position does not fit the topic: records were deleted unread, or it is another topic of that name.

    Going on would lose records silently; a person has to decide. The service stops.
    """


@dataclass(frozen=True, slots=True)
class Position:
    """The next offset to apply, and which topic of that name it counts in (empty where the broker has no ids)."""

    next: int
    topic_id: str


def load_or_create(
    raw: Raw, earliest: Mapping[Stream, int], latest: Mapping[Stream, int], topic_ids: Mapping[str, str]
) -> dict[Stream, int]:
    """The stored position of each of these partitions; a new one begins with what the broker still has.

    Raises Misplaced when one of them does not fit.
    """
    with raw.cursor() as cursor:
        rows = [(topic, n, topic_ids.get(topic, ""), first) for (topic, n), first in sorted(earliest.items())]
        cursor.executemany(_CREATE, rows)
    stored = load(raw, {topic for topic, _ in earliest})
    wrong = [
        reason
        for stream, first in sorted(earliest.items())
        if (reason := _misfit(stream, stored[stream], first, latest.get(stream), topic_ids.get(stream[0], "")))
    ]
    if wrong:
        raise Misplaced("; ".join(wrong))
    return {stream: stored[stream].next for stream in earliest}


def _misfit(stream: Stream, stored: Position, first: int, last: int | None, topic_id: str) -> str | None:
    name = f"{stream[0]}/{stream[1]}"
    if stored.topic_id and topic_id and stored.topic_id != topic_id:
        return f"{name}: the topic was deleted and made anew ({stored.topic_id} became {topic_id})"
    if stored.next < first:
        return f"{name}: records {stored.next} to {first - 1} were deleted before they were read (retention cut)"
    if last is not None and stored.next > last:
        return f"{name}: stored position {stored.next} lies behind the end {last} of the log (records were lost)"
    return None


def load(raw: Raw, topics: Iterable[str]) -> dict[Stream, Position]:
    """The stored positions of these topics."""
    rows = raw.execute(_LOAD, [sorted(topics)])
    return {(topic, n): Position(next_, topic_id) for topic, n, topic_id, next_ in rows}


def load_next(raw: Raw, topics: Sequence[str]) -> dict[Stream, int]:
    """The next offset of every partition of these topics that was ever assigned."""
    return {stream: position.next for stream, position in load(raw, topics).items()}
