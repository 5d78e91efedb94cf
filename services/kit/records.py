"""From a record on a topic to an event that may be applied, or to the fault that sends it to the dead letters."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from schemas.envelope import CONTENT_TYPE, Event, Fact, Unreadable, read_record, read_structured
from schemas.topics import Topic
from services.kit.intake import Intake, carries_personal, names_personal
from services.kit.partitions import partition_for, source_on

Kind: TypeAlias = Literal["unreadable", "wrong_key", "wrong_partition", "reused_id", "handler", "timer"]
Headers: TypeAlias = Sequence[tuple[str, bytes]]
STRUCTURED: Headers = (("content-type", CONTENT_TYPE.encode()),)


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it stood on a topic. `timestamp` in milliseconds; aiokafka's ConsumerRecord has the same names."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = STRUCTURED


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition in order. `start` is the position on which they must join, `next` the one behind."""

    topic: Topic
    partition: int
    start: int
    next: int
    records: Sequence[Record]

    @property
    def stream(self) -> tuple[str, int]:
        """Topic name and partition."""
        return self.topic.name, self.partition


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a record stands in the dead letters. `error` is the class of the exception."""

    kind: Kind
    reason: str
    error: str = "Unreadable"

    @classmethod
    def of(cls, error: Exception, kind: Kind = "handler") -> "Fault":
        """The fault that an exception is."""
        return cls(kind, str(error)[:2000] or type(error).__name__, type(error).__name__)


@dataclass(slots=True)
class Item:
    """A record with what it says, or why it cannot be applied. The event is as the service may know it.

    A value like the others, but not frozen: one is made for each record, and a frozen one takes four times as long.
    """

    topic: Topic
    partition: int
    record: Record
    event: Event[Fact] | None
    fault: Fault | None = None
    imprint: bytes = b""
    """A keyed digest of the personal values that were let in, as they were before they were sealed."""
    borrower_id: str | None = field(init=False)
    """Whom it is about, on topics keyed by borrower."""

    def __post_init__(self) -> None:
        """Look the borrower up once: everybody asks."""
        event = self.event
        self.borrower_id = event.data.key if event is not None and self.topic.key == "borrower_id" else None

    @property
    def stream(self) -> tuple[str, int]:
        """Topic name and partition."""
        return self.topic.name, self.partition

    @property
    def kept(self) -> tuple[bytes | None, Headers]:
        """Value and headers as they may be stored and said again: the original bytes, unless they hold personal data.

        Then the event with its sealed fields; nothing where no event could be read (the origin says where to look).
        """
        record = self.record
        misplaced = self.event is None and names_personal((record.value, *(text for _, text in record.headers)))
        if not carries_personal(self.topic) and not misplaced:
            return record.value, record.headers
        return (self.event.to_json() if self.event else None), STRUCTURED


def read_items(batch: Batch, intake: Intake, partitions: Callable[[Topic], int]) -> list[Item]:
    """Decode and check every record of a batch; personal data is sealed or withheld on the way in.

    A tombstone on a compacted topic is the broker's business: it says that a person's record is to be removed there.
    """
    count, compact = partitions(batch.topic), batch.topic.cleanup == "compact"
    records = [record for record in batch.records if record.value is not None or not compact]
    read = [checked_item(batch.topic, batch.partition, record, count) for record in records]
    return admitted(read, intake) if carries_personal(batch.topic) else read


def admitted(items: Iterable[Item], intake: Intake, *, trusted: bool = False) -> list[Item]:
    """The items with personal data sealed or withheld."""
    items = list(items)
    intake.prepare(item.event for item in items if item.event)
    return [_admitted(item, intake, trusted) for item in items]


def _admitted(item: Item, intake: Intake, trusted: bool) -> Item:
    if item.event is None:
        return item
    try:
        imprint = intake.imprint(item.event)
        event = intake.admit(item.event, trusted=trusted, imprint=imprint)
    except Unreadable as error:
        return Item(item.topic, item.partition, item.record, None, Fault("unreadable", str(error)))
    if event is item.event:
        return item
    return Item(item.topic, item.partition, item.record, event, item.fault, imprint.digest() if imprint else b"")


def read_item(topic: Topic, partition: int, record: Record) -> Item:
    """Decode a record without a check of its key and partition."""
    try:
        if topic.intake:
            event = read_record(record.value, dict(record.headers), intake=True)
        else:  # what services say comes in structured mode only, whatever its headers
            event = read_structured(record.value)
    except Unreadable as error:
        return Item(topic, partition, record, None, Fault("unreadable", str(error)[:2000]))
    except Exception as error:  # hostile bytes must not stop the partition, whatever they break
        return Item(topic, partition, record, None, Fault.of(error, "unreadable"))
    if event.data.TOPIC is not topic:
        return Item(topic, partition, record, None, Fault("unreadable", f"{event.type} does not belong on this topic"))
    return Item(topic, partition, record, event)


def checked_item(topic: Topic, partition: int, record: Record, partitions: int) -> Item:
    """Decode a record and check that it stands under the right key on the right one of so many partitions."""
    item = read_item(topic, partition, record)
    if item.event is None:
        return item
    key = item.event.data.key.encode()
    if record.key != key:
        reason = f"the record key is {_shown(record.key)}, {topic.key} is {item.event.data.key}"
        return Item(topic, partition, record, item.event, Fault("wrong_key", reason, "WrongKey"))
    right = partition_for(key, partitions)
    if right != partition:
        reason = f"wrong partition: the key belongs on {right} (murmur2, the Java default); it came on {partition}"
        return Item(topic, partition, record, item.event, Fault("wrong_partition", reason, "WrongPartition"))
    source = item.event.source
    if item.event.sequence is not None and not topic.intake and source != source_on(topic.stream, partition):
        reason = f"{source} does not speak here, {source_on(topic.stream, partition)} does: forged, or damaged"
        return Item(topic, partition, record, item.event, Fault("wrong_partition", reason, "WrongSource"))
    return item


def _shown(key: bytes | None) -> str:
    return "missing" if key is None else key[:120].decode("utf-8", "replace")
