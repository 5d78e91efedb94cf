"""One document per borrower: how it is written as JSON, loaded and saved in bulk, and kept hot between batches."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple

import msgspec

from services.kit.service import S, Service
from services.kit.writes import FEW, Raw, copy_rows

HOT = 30_000
"""Decoded states kept per partition; above, the partition starts to collect anew."""


class Conflict(Exception):
    """Somebody else changed one of these states meanwhile. Nothing is saved; forget what is hot and try again."""


class Slot(NamedTuple, Generic[S]):
    """A state with the version of its row, and its partition number; version 0 stands for no row."""

    state: S
    version: int
    partition: int


class Change(NamedTuple, Generic[S]):
    """What a state shall be and when it is due."""

    state: S
    next_at: datetime | None


class Codec(Generic[S]):
    """Writes a service's states as JSON and reads them back; fields that came later take their defaults."""

    def __init__(self, service: Service[S, Any]) -> None:
        self._encoder = msgspec.json.Encoder(decimal_format="string")
        self._decoder = msgspec.json.Decoder(service.state)

    def encode(self, state: S) -> str:
        """The document."""
        return self._encoder.encode(state).decode()

    def decode(self, document: str) -> S:
        """The state."""
        return self._decoder.decode(document)


_LOAD = "SELECT borrower_id, version, state::text, partition FROM states WHERE borrower_id = ANY(%s)"
_SAVED = (
    " ON CONFLICT (borrower_id) DO UPDATE SET partition = excluded.partition, version = excluded.version,"
    " next_at = excluded.next_at, state = excluded.state WHERE states.version = excluded.version - 1"
)
_COLUMNS = ("borrower_id", "partition", "version", "next_at", "state")
_SAVE_ONE = f"INSERT INTO states ({', '.join(_COLUMNS)}) VALUES (%s, %s, %s, %s, %s){_SAVED}"
_STAGE = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS stage_states ON COMMIT DELETE ROWS AS SELECT * FROM states WITH NO DATA;"
    " DELETE FROM stage_states"
)
_SAVE_MANY = (
    f"INSERT INTO states ({', '.join(_COLUMNS)}) SELECT {', '.join(_COLUMNS)} FROM stage_states"
    f" ORDER BY borrower_id{_SAVED}"
)


def load(raw: Raw, codec: Codec[S], borrower_ids: Sequence[str]) -> dict[str, Slot[S]]:
    """The states of those borrowers that have one."""
    if not borrower_ids:
        return {}
    rows = raw.execute(_LOAD, [list(borrower_ids)])
    return {borrower: Slot(codec.decode(document), version, number) for borrower, version, document, number in rows}


def versions(raw: Raw, borrower_ids: Sequence[str]) -> dict[str, int]:
    """The versions of those borrowers' rows that there are."""
    if not borrower_ids:
        return {}
    rows = raw.execute("SELECT borrower_id, version FROM states WHERE borrower_id = ANY(%s)", [list(borrower_ids)])
    return {borrower: version for borrower, version in rows}


def save(
    raw: Raw, codec: Codec[S], changes: Mapping[str, Change[S]], slots: Mapping[str, Slot[S]]
) -> dict[str, Slot[S]]:
    """Save changed states over the versions they were made from. Raises Conflict if one of them has moved on."""
    rows, saved = [], {}
    for borrower in sorted(changes):
        change, (_, version, partition) = changes[borrower], slots[borrower]
        rows.append((borrower, partition, version + 1, change.next_at, codec.encode(change.state)))
        saved[borrower] = Slot(change.state, version + 1, partition)
    if rows and _saved(raw, rows) != len(rows):
        raise Conflict(f"one of {len(rows)} states")
    return saved


def _saved(raw: Raw, rows: Sequence[tuple[Any, ...]]) -> int:
    with raw.cursor() as cursor:
        if len(rows) <= FEW:
            cursor.executemany(_SAVE_ONE, rows)
        else:
            cursor.execute(_STAGE)
            copy_rows(cursor, "stage_states", _COLUMNS, rows)
            cursor.execute(_SAVE_MANY)
        return cursor.rowcount


class Hot(Generic[S]):
    """Decoded states by partition number. Only as true as its owner is alone: the version check on save decides."""

    def __init__(self) -> None:
        self._slots: dict[int, dict[str, Slot[S]]] = {}

    def of(self, partition: int) -> Mapping[str, Slot[S]]:
        """What is hot of a partition."""
        return self._slots.get(partition, {})

    def keep(self, slots: Mapping[str, Slot[S]]) -> None:
        """Keep what was loaded and committed."""
        parts: defaultdict[int, dict[str, Slot[S]]] = defaultdict(dict)
        for borrower_id, slot in slots.items():
            parts[slot.partition][borrower_id] = slot
        for partition, part in parts.items():
            kept = self._slots.setdefault(partition, {})
            if len(kept) + len(part) > HOT:
                kept.clear()
            kept.update(part)

    def clear(self) -> None:
        """Forget everything, after an assignment: somebody else may have owned it in between."""
        self._slots = {}

    def forget(self, partition: int, borrower_ids: Iterable[str] | None = None) -> None:
        """Forget some borrowers, or the whole partition."""
        if borrower_ids is None:
            self._slots.pop(partition, None)
        else:
            for borrower_id in borrower_ids:
                self._slots.get(partition, {}).pop(borrower_id, None)
