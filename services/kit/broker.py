"""The one module that speaks aiokafka: an idempotent producer, where the logs end, and one record at its place."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services.kit.outbox import Frame, Stream
from services.kit.records import Record

BATCH_BYTES = 900_000
"""Below the broker's limit of 1 MiB per batch."""

REQUEST_MILLISECONDS = 10_000
ASK_SECONDS = 5.0


class Broker:
    """Connections of one worker to the broker. All methods run on one event loop."""

    def __init__(self, bootstrap: str, client: str) -> None:
        self._bootstrap, self._client = bootstrap, client
        self._producer: AIOKafkaProducer | None = None
        self._asker: AIOKafkaConsumer | None = None
        self._opening = asyncio.Lock()

    async def publish(self, stream: Stream, frames: Sequence[Frame]) -> None:
        """Publish these in order; returns when the broker has acknowledged all. Raises what the client raises.

        After an error nobody knows which of them arrived: publish them again, readers drop repeats by their sequence.
        """
        producer = await self._open_producer()
        topic, partition = stream
        try:
            rest = list(frames)
            while rest:
                batch = producer.create_batch()
                taken = _fill(batch, rest)
                future = await producer.send_batch(batch, topic, partition=partition)
                await future
                rest = rest[taken:]
        except asyncio.CancelledError:
            raise
        except Exception:
            await self._drop_producer(producer)
            raise

    async def _open_producer(self) -> AIOKafkaProducer:
        async with self._opening:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap,
                    client_id=f"{self._client}-relay",
                    enable_idempotence=True,
                    acks="all",
                    linger_ms=0,
                    max_batch_size=BATCH_BYTES,
                    request_timeout_ms=REQUEST_MILLISECONDS,
                )
                await _started(producer)
                self._producer = producer
            return self._producer

    async def _drop_producer(self, producer: AIOKafkaProducer) -> None:
        """An idempotent producer may be unusable after an error; the next one starts with a new id."""
        if self._producer is producer:
            self._producer = None
        with contextlib.suppress(Exception):
            await asyncio.wait_for(producer.stop(), ASK_SECONDS)

    async def ends(self, streams: Iterable[Stream]) -> Mapping[Stream, int]:
        """Where the logs of these partitions end. Raises what the client raises."""
        async with self._opening:
            if self._asker is None:
                asker = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, client_id=f"{self._client}-freshness")
                await _started(asker)
                self._asker = asker
        asked = [TopicPartition(*stream) for stream in streams]
        found = await asyncio.wait_for(self._asker.end_offsets(asked), ASK_SECONDS)
        return {(tp.topic, tp.partition): end for tp, end in found.items()}

    async def fetch(self, stream: Stream, offset: int) -> Record | None:
        """One record as it stands on the broker; None where it is gone. Raises what the client raises."""
        place = TopicPartition(*stream)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id=f"{self._client}-original",
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # where it is cut off meanwhile another record comes, at another offset
        )
        await _started(consumer)
        try:
            first, end = await consumer.beginning_offsets([place]), await consumer.end_offsets([place])
            if not first[place] <= offset < end[place]:
                return None
            consumer.assign([place])
            consumer.seek(place, offset)
            found = await asyncio.wait_for(consumer.getone(place), ASK_SECONDS)
        finally:
            await consumer.stop()
        if found.offset != offset:  # compacted away: this is the next one that is left
            return None
        return Record(found.offset, found.timestamp, found.key, found.value, found.headers)

    async def close(self) -> None:
        """Close all connections."""
        for client in (self._producer, self._asker):
            if client is not None:
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(client.stop(), ASK_SECONDS)
        self._producer = self._asker = None


async def _started(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    try:
        await client.start()
    except BaseException:
        with contextlib.suppress(Exception):
            await client.stop()
        raise


def _fill(batch: object, frames: Sequence[Frame]) -> int:
    """Append as many frames as fit; answer how many. The first always goes in."""
    append = batch.append  # type: ignore[attr-defined]
    for number, frame in enumerate(frames):
        if append(key=frame.key, value=frame.value, timestamp=None, headers=list(frame.headers)) is None:
            return number or 1
    return len(frames)
