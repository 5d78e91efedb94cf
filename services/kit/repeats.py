"""Which records of a batch were applied before: by sequence on the collections' own topics, by id on intake topics."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, TypeAlias

from psycopg.errors import UniqueViolation

from schemas.envelope import Event, Fact
from services.kit.alarms import raise_alarms
from services.kit.records import Fault, Item
from services.kit.states import Conflict
from services.kit.writes import Raw, copy_rows

Identity: TypeAlias = tuple[int, str, str]
"""Partition number, event id and source."""

Stamp: TypeAlias = tuple[str, int]
"""A source and the sequence in it."""

_LAST = "SELECT source, sequence FROM stamps WHERE source = ANY(%s) FOR UPDATE"
_STAMP = (
    "INSERT INTO stamps (source, sequence) SELECT * FROM unnest(%s::text[], %s::bigint[]) ORDER BY 1"
    " ON CONFLICT (source) DO UPDATE SET sequence = excluded.sequence"
)
_GAP = "INSERT INTO gaps (source, after, before) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
GAP = "gap"
_SEEN = (
    "SELECT partition, event_id, source, digest FROM inbox"
    " JOIN unnest(%s::int[], %s::text[]) AS asked(partition, event_id) USING (partition, event_id)"
)
_SEALED = re.compile(rb'\{"sealed":"[^"]*","key":"[^"]*"\}')
_TRIM = "DELETE FROM inbox WHERE seen_at < now() - make_interval(secs => %s)"


@dataclass(frozen=True, slots=True)
class Gap:
    """Sequences of a source that never came on a topic."""

    topic: str
    source: str
    after: int
    before: int

    def __str__(self) -> str:
        return f"numbers {self.after + 1} to {self.before - 1} of {self.source} never came"


@dataclass(slots=True)
class Sifted:
    """What is to be applied of some items, and what to remember of all that were sifted in this transaction.

    repeats: how many, by topic. last: the last sequence of each source, once asked for.
    """

    items: list[Item] = field(default_factory=list)
    repeats: Counter[str] = field(default_factory=Counter)
    stamps: dict[str, int] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    seen: dict[Identity, bytes] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)


def sift(raw: Raw, items: Sequence[Item], sifted: Sifted) -> list[Item]:
    """The items without repeats; an id that comes again with other content becomes a fault. Call it in their order."""
    sifted.items = []
    stamps = [_stamp(item) for item in items]
    if sources := {stamp[0] for stamp in stamps if stamp} - sifted.last.keys():
        sifted.last |= dict.fromkeys(sources, 0) | _last_stamps(raw, sources)
    before: dict[Identity, bytes] = {}
    if not all(stamps):
        ids = {(i.partition, i.event.id) for i, stamp in zip(items, stamps, strict=True) if i.event and not stamp}
        before = _seen_before(raw, ids) | sifted.seen
    for item, stamp in zip(items, stamps, strict=True):
        if stamp:
            _by_sequence(sifted, item, stamp)
        elif item.event is None or item.fault:
            sifted.items.append(item)
        else:
            _by_id(sifted, item, item.event, before)
    return sifted.items


def _stamp(item: Item) -> Stamp | None:
    event = item.event
    if event is None or event.sequence is None or item.topic.intake:
        return None
    if item.fault is not None and item.fault.kind == "wrong_partition":
        return None  # its source is counted on another partition
    return event.source, event.sequence


def _by_sequence(sifted: Sifted, item: Item, stamp: Stamp) -> None:
    source, sequence = stamp
    known = sifted.last[source]
    if sequence <= known:
        sifted.repeats[item.topic.name] += 1
        return
    if sequence > known + 1:
        sifted.gaps.append(Gap(item.topic.name, source, known, sequence))
    sifted.last[source] = sifted.stamps[source] = sequence
    sifted.items.append(item)


def _by_id(sifted: Sifted, item: Item, event: Event[Fact], before: dict[Identity, bytes]) -> None:
    identity, digest = (item.partition, event.id, event.source), digest_of(event, item.imprint)
    known = before.setdefault(identity, digest)
    if known != digest:
        reason = f"the id {event.id} of {event.source} was used before with other content"
        sifted.items.append(replace(item, fault=Fault("reused_id", reason, "ReusedId")))
    elif known is not digest:
        sifted.repeats[item.topic.name] += 1
    else:
        sifted.seen[identity] = digest
        sifted.items.append(item)


def digest_of(event: Event[Fact], imprint: bytes = b"") -> bytes:
    """What two deliveries of the same fact have in common, whatever their spelling: type and data.

    Sealed values do not count, for the same value is another ciphertext each time it is sealed: in their place stands
    the imprint of what they were in clear.
    """
    data = event.data.__pydantic_serializer__.to_json(event.data)
    if b'{"sealed":' in data:
        data = _SEALED.sub(b"", data)
    return blake2b(event.type.encode() + data + imprint, digest_size=16).digest()


def _last_stamps(raw: Raw, sources: Collection[str]) -> dict[str, int]:
    return {source: n for source, n in raw.execute(_LAST, [sorted(sources)])}


def _seen_before(raw: Raw, ids: Collection[tuple[int, str]]) -> dict[Identity, bytes]:
    rows = raw.execute(_SEEN, [list(column) for column in zip(*ids, strict=True)]).fetchall() if ids else []
    return {(partition, event_id, source): bytes(digest) for partition, event_id, source, digest in rows}


def remember(raw: Raw, sifted: Sifted) -> None:
    """Keep stamps, gaps and ids. Raises Conflict when another transaction has just taken in one of these ids."""
    with raw.cursor() as cursor:
        if sifted.stamps:
            cursor.execute(_STAMP, [list(sifted.stamps), list(sifted.stamps.values())])
        if sifted.gaps:
            cursor.executemany(_GAP, [(g.source, g.after, g.before) for g in sifted.gaps])
            raise_alarms(raw, GAP, [(gap.source, str(gap)) for gap in sifted.gaps])
        if sifted.seen:
            _keep_ids(cursor, sifted.seen)


def _keep_ids(cursor: Any, seen: dict[Identity, bytes]) -> None:
    rows = [(*identity, digest) for identity, digest in sorted(seen.items())]
    try:
        columns = ("partition", "event_id", "source", "digest")
        copy_rows(cursor, "inbox", columns, rows, ("int4", "text", "text", "bytea"))
    except UniqueViolation as error:
        raise Conflict("one of these records is being applied elsewhere") from error


def trim(raw: Raw, keep_seconds: float) -> int:
    """Delete ids that came long ago; answer how many."""
    return raw.execute(_TRIM, [keep_seconds]).rowcount
