"""How the simulated outsiders read and write topics: as any client of the broker would, and through every outage."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Collection, Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.envelope import CONTENT_TYPE, Event, Fact, Unreadable, read_structured
from schemas.language import KINDS
from schemas.topics import Topic

HEADERS = [("content-type", CONTENT_TYPE.encode())]
PAUSE_SECONDS = 1.0
_BATCH_MAX = 500
# The envelope of our own facts names the type before the data; so the first is the event's.
_TYPE = re.compile(rb'"type":\s*"([^"]+)"')

log = logging.getLogger(__name__)


class Listener:
    """Reads topics from their beginning, for ever, without a group: what was missed while away is simply read later."""

    def __init__(self, bootstrap: str, kinds: Collection[type[Fact]]) -> None:
        self._bootstrap = bootstrap
        self._kinds = frozenset(kind.TYPE.encode() for kind in kinds)
        self._topics: tuple[Topic, ...] = tuple({kind.TOPIC.name: kind.TOPIC for kind in kinds}.values())

    async def events(self) -> AsyncIterator[list[Event[Fact]]]:
        """Batches of the events of the kinds that are wanted, in order per borrower."""
        positions: dict[TopicPartition, int] = {}
        while True:
            try:
                async for batch in self._read(positions):
                    yield batch
            except (KafkaError, OSError) as error:
                log.warning("topics cannot be read: %s", error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _read(self, positions: dict[TopicPartition, int]) -> AsyncIterator[list[Event[Fact]]]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=200,
            isolation_level="read_committed",
        )
        await consumer.start()
        try:
            spots = [TopicPartition(topic.name, n) for topic in self._topics for n in range(topic.partitions)]
            consumer.assign(spots)
            for spot in spots:
                consumer.seek(spot, positions.get(spot, 0))
            while True:
                records = await consumer.getmany(timeout_ms=1000, max_records=_BATCH_MAX)
                events = [
                    event for batch in records.values() for record in batch if (event := self._event(record.value))
                ]
                if events:
                    yield events
                positions.update({spot: batch[-1].offset + 1 for spot, batch in records.items()})
        finally:
            await consumer.stop()

    def _event(self, value: bytes | None) -> Event[Fact] | None:
        found = _TYPE.search(value or b"")
        if not found or found[1] not in self._kinds:
            return None
        try:
            return read_structured(value)
        except Unreadable as error:
            log.warning("%s cannot be read: %s", found[1].decode(), error)
            return None


class Speaker:
    """Publishes events and knows that they stand on the log: keyed by borrower, Java's partitioner, idempotent."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def say(self, events: Sequence[Event[Fact]]) -> None:
        """Return once all are acknowledged. After an outage all are said again: equal ids tell they are the same."""
        while events:
            try:
                return await self._say(events)
            except (KafkaError, OSError) as error:
                log.warning("%d events cannot be published yet: %s", len(events), error)
                await self.close()
                await asyncio.sleep(PAUSE_SECONDS)

    async def _say(self, events: Sequence[Event[Fact]]) -> None:
        producer = await self._started()
        sent = [
            await producer.send(
                KINDS[event.type].TOPIC.name, event.to_json(), key=event.data.key.encode(), headers=HEADERS
            )
            for event in events
        ]
        await asyncio.gather(*sent)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, enable_idempotence=True, linger_ms=2)
                await producer.start()
                self._producer = producer
            return self._producer

    async def close(self) -> None:
        """Let go of the broker."""
        producer, self._producer = self._producer, None
        if producer:
            try:
                await producer.stop()
            except (KafkaError, OSError) as error:
                log.warning("the producer did not stop in good order: %s", error)
