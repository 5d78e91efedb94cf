"""What a transaction says, appended in the same transaction under a gapless sequence per topic and partition.

The sequence row's lock is held until commit, so commit order is sequence order and nothing appears behind one's back.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from schemas.envelope import Event, Fact
from services.kit.records import STRUCTURED, Headers
from services.kit.writes import Raw, copy_rows

Stream: TypeAlias = tuple[str, int]
"""Topic name and partition."""


class Frame(NamedTuple):
    """A record as it goes to the broker."""

    sequence: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Letter:
    """Bytes that go out as they are: a dead letter, or a record that is published again."""

    id: str
    type: str
    key: bytes | None
    value: bytes | None
    headers: Headers


class Voiced(NamedTuple):
    """An event as it is to go out, but for its sequence, which is known only under the lock."""

    id: str
    type: str
    key: str
    value: bytes

    @classmethod
    def of(cls, event: Event[Fact]) -> "Voiced":
        """An event of ours."""
        return cls(event.id, event.type, event.partitionkey or "", event.to_json())


Said: TypeAlias = Voiced | Letter
Frames: TypeAlias = Mapping[Stream, Sequence[Frame]]
Pending: TypeAlias = Iterable[tuple[Stream, Said]]

_TAKE = (
    "INSERT INTO sequences (topic, partition, said) SELECT * FROM unnest(%s::text[], %s::int[], %s::bigint[])"
    " AS asked(topic, partition, said) ORDER BY topic, partition"
    " ON CONFLICT (topic, partition) DO UPDATE SET said = sequences.said + excluded.said"
    " RETURNING topic, partition, said"
)
"""Locks the rows in one order, whoever takes them."""

_EVENT = ("topic", "partition", "sequence", "id", "type", "aggregatetype", "aggregateid", "payload")
_EVENT_TYPES = ("text", "int4", "int8", "text", "text", "text", "text", "bytea")
_LETTER = (*_EVENT, "key", "headers")
_READ = (
    "SELECT sequence, coalesce(key, convert_to(aggregateid, 'UTF8')), payload, headers::text, id FROM outbox"
    " WHERE topic = %s AND partition = %s AND sequence >= %s ORDER BY sequence LIMIT %s"
)
_BEHIND = "SELECT topic, partition, said FROM sequences WHERE said > published"
_AT = "SELECT published FROM sequences WHERE topic = %s AND partition = %s"
_PUBLISHED = "UPDATE sequences SET published = %s WHERE topic = %s AND partition = %s AND published < %s"
_TRIM = (
    "DELETE FROM outbox o USING sequences s WHERE s.topic = o.topic AND s.partition = o.partition"
    " AND o.sequence <= s.published AND o.said_at < now() - make_interval(secs => %s)"
)


@lru_cache(10_000)
def stream_of(topic: str, source: str) -> Stream:
    """The stream in which a source of ours (`/arrears/<stream>/<partition>`) is counted."""
    return topic, int(source.rpartition("/")[2])


def append(raw: Raw, pending: Pending) -> Frames:
    """Append to the outbox; answer the frames as they stand there, to be published once this has committed."""
    streams: defaultdict[Stream, list[Said]] = defaultdict(list)
    for stream, said in pending:
        streams[stream].append(said)
    frames: dict[Stream, list[Frame]] = {}
    events: list[tuple[Any, ...]] = []
    letters: list[tuple[Any, ...]] = []
    for stream, first in _take(raw, {stream: len(streams[stream]) for stream in sorted(streams)}).items():
        topic, partition = stream
        line = frames[stream] = []
        for sequence, said in enumerate(streams[stream], first):
            frame = _frame(said, sequence)
            line.append(frame)
            if isinstance(said, Letter):
                letters.append(_letter(stream, said, frame))
            else:
                events.append((topic, partition, sequence, said.id, said.type, topic, said.key, frame.value))
    with raw.cursor() as cursor:
        if events:
            copy_rows(cursor, "outbox", _EVENT, events, _EVENT_TYPES)
        if letters:
            copy_rows(cursor, "outbox", _LETTER, letters)
    return frames


def _take(raw: Raw, counts: Mapping[Stream, int]) -> dict[Stream, int]:
    """The first of so many sequences in each stream."""
    if not counts:
        return {}
    topics, partitions = zip(*counts, strict=True)
    last = {(t, n): said for t, n, said in raw.execute(_TAKE, [list(topics), list(partitions), list(counts.values())])}
    return {stream: last[stream] - count + 1 for stream, count in counts.items()}


def _frame(said: Said, sequence: int) -> Frame:
    if isinstance(said, Letter):
        return Frame(sequence, said.key, said.value, said.headers)
    value = b'{"sequence":%d,%b' % (sequence, said.value[1:])
    return Frame(sequence, said.key.encode(), value, (*STRUCTURED, ("id", said.id.encode())))


def _letter(stream: Stream, said: Letter, frame: Frame) -> tuple[Any, ...]:
    shown = None if said.key is None else said.key.decode("utf-8", "replace").replace("\0", "�")
    return (*stream, frame.sequence, said.id, said.type, stream[0], shown, said.value, said.key, dump(said.headers))


def dump(headers: Headers) -> str:
    """Headers as JSON text; bytes as Latin-1, so that any come back as they were."""
    return json.dumps([[name, value.decode("latin-1")] for name, value in headers])


def parse(headers: str) -> Headers:
    """Headers from JSON text."""
    return tuple((name, value.encode("latin-1")) for name, value in json.loads(headers))


def read(raw: Raw, stream: Stream, first: int, limit: int) -> list[Frame]:
    """Committed frames from a sequence on."""
    rows = raw.execute(_READ, [*stream, first, limit])
    return [Frame(s, key, value, _headers(headers, id_)) for s, key, value, headers, id_ in rows]


def _headers(headers: str | None, id_: str) -> Headers:
    return parse(headers) if headers else (*STRUCTURED, ("id", id_.encode()))


def behind(raw: Raw) -> dict[Stream, int]:
    """The streams that hold unpublished frames, and the last sequence said in each."""
    return {(topic, partition): said for topic, partition, said in raw.execute(_BEHIND)}


def published(raw: Raw, stream: Stream) -> int:
    """Up to where a stream is known to be on the broker."""
    row = raw.execute(_AT, [*stream]).fetchone()
    return int(row[0]) if row else 0


def mark(raw: Raw, published: Mapping[Stream, int]) -> None:
    """Record up to where each stream is on the broker."""
    with raw.cursor() as cursor:
        cursor.executemany(_PUBLISHED, [(n, *stream, n) for stream, n in sorted(published.items())])


def trim(raw: Raw, keep_seconds: float) -> int:
    """Delete what has been on the broker for a while; answer how many rows."""
    return raw.execute(_TRIM, [keep_seconds]).rowcount
