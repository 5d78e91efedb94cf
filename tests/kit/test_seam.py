"""What the seam rests on in faust, and each of its rules alone, fed by hand; the real broker is in `test_worker.py`.

On the broker most rules back each other up: take one away and nothing is lost yet. So each has a test here that fails
without it. (Reference: the seam rules, measured against faust-streaming 0.15.3.)
"""

import asyncio
import hashlib
import inspect
from dataclasses import dataclass, field
from typing import Any, cast

import faust
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.metadata import MetadataResponse_v1
from faust.tables.recovery import Recovery
from faust.transport.conductor import Conductor
from faust.transport.consumer import Consumer, ThreadDelegateConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Transport
from faust.types import TP

from schemas.topics import LOANS
from services.kit.lines import Fetched, Handling
from services.kit.seam import SeamConsumer, Wiring, ask_for_missing

HERE, THERE = TP(LOANS.name, 0), TP(LOANS.name, 1)
FOOTING = {
    Consumer.perform_seek: "0e8c130ff4b0",
    Consumer.getmany: "4b168d84882a",
    Consumer._wait_next_records: "6218e1969a63",
    Consumer._drain_messages: "44a2500309e8",
    Consumer._commit_tps: "a20e230b05ae",
    Consumer._commit_offsets: "1a6979904118",
    Consumer.on_stop: "45b1d2210ce2",
    Consumer.maybe_wait_for_commit_to_finish: "d687f63a0b5e",
    Consumer._filter_committable_offsets: "dc5e9baf5d99",
    Consumer._filter_tps_with_pending_acks: "f6f923977423",
    Consumer._add_gap: "4df2573ded7c",
    Consumer.on_partitions_assigned: "29ce96596f05",
    Consumer.on_partitions_revoked: "d04b7ae72c6f",
    ThreadDelegateConsumer.seek_to_committed: "f1d483b861b0",
    AIOKafkaConsumerThread.getmany: "26fc5fc9f3b6",
    AIOKafkaConsumerThread._fetch_records: "39a2c6c79fc1",
    AIOKafkaConsumerThread._seek_wait: "9d221e816d94",
    AIOKafkaConsumerThread._create_worker_consumer: "c2701bfc3e6f",
    AIOKafkaConsumerThread._commit: "932852ce7a23",
    Recovery._resume_streams: "d986a6710c1a",
    Conductor.on_partitions_assigned: "616e9729131c",
}
"""What the seam overrides in faust, or what calls that: the beginning of the sha256 of each one's source."""


@pytest.mark.parametrize("method", FOOTING, ids=lambda method: method.__qualname__)
def test_faust_still_is_what_the_seam_was_measured_on(method):
    found = hashlib.sha256(inspect.getsource(method).encode()).hexdigest()[:12]
    assert found == FOOTING[method], "faust changed: read it, run tests/kit and `make chaos`, note the new value"


@dataclass
class Record:
    offset: int
    timestamp: int = 0
    timestamp_type: int = 0


@dataclass
class Log:
    """The broker's side of a consumer, by hand: what is assigned, what the group was told, where one reads."""

    assigned: set[TP] = field(default_factory=lambda: {HERE, THERE})
    group: dict[TP, int] = field(default_factory=dict)
    read_from: dict[TP, int] = field(default_factory=dict)

    def assignment(self):
        return self.assigned

    async def seek_to_committed(self):
        return dict(self.group)

    async def earliest_offsets(self, *tps):
        return dict.fromkeys(tps, 3)

    async def highwaters(self, *tps):
        return dict.fromkeys(tps, 1000)

    async def seek_wait(self, positions):
        self.read_from.update(positions)

    async def commit(self, offsets):
        self.group.update(offsets)
        return True


class HandFed(SeamConsumer):
    """The seam's consumer with records by hand; everything else of it is the real one."""

    records: dict[TP, list[Record]]

    def _new_consumer_thread(self):
        return Log()

    def add_dependency(self, service):
        return service

    async def _wait_next_records(self, _timeout):
        return self.records, set(self.records)


@dataclass
class Place:
    """The stored positions: a row for every partition from its first assignment on."""

    stored: dict[tuple[str, int], int] = field(default_factory=dict)
    owned: dict[tuple[str, int], int] = field(default_factory=dict)
    away: bool = False

    def place(self, first, _last):
        if self.away:
            raise ConnectionError("the database is away")
        self.stored = {**first, **self.stored}
        return {stream: self.stored[stream] for stream in first}

    def wiring(self, tmp_path):
        return Wiring(
            service="notifier",
            instance="1",
            bootstrap="127.0.0.1:1",
            topics={LOANS.name: LOANS},
            place=self.place,
            owned=self.owned.update,
            handling=Handling(apply=lambda batch: None, moved=lambda stored: None),
            data_dir=tmp_path,
        )


@pytest.fixture
def place():
    return Place()


@pytest.fixture
async def consumer(place, tmp_path):
    loop = asyncio.get_running_loop()
    app = faust.App("seam", broker="aiokafka://127.0.0.1:1", autodiscover=False, datadir=str(tmp_path), loop=loop)
    feeding = type("Feeding", (HandFed,), {"wiring": place.wiring(tmp_path), "stop_for_good": None, "records": {}})
    built: Any = feeding(Transport(app.conf.broker_consumer, app, loop=loop), print, print, print, loop=loop)
    built.flow_active = True
    return built


async def fetched(consumer):
    """The batches that the consumer yields, in one message at most."""
    messages = [message async for _, message in consumer.getmany(0.1)]
    assert len(messages) <= 1
    return [(TP(*one.stream), one.batch.start, one.batch.next) for message in messages for one in message.value]


def fed(consumer, here, there=()):
    consumer.records = {HERE: [Record(n) for n in here], THERE: [Record(n) for n in there]}
    consumer.records = {tp: records for tp, records in consumer.records.items() if records}


async def test_reading_starts_where_the_database_stands_whatever_the_group_was_told(consumer, place):
    place.stored = {(LOANS.name, 0): 40}
    consumer._thread.group = {HERE: 900, THERE: 7}
    await consumer.perform_seek()
    assert consumer._thread.read_from == {HERE: 40, THERE: 3}


async def test_every_partition_has_a_stored_position_from_its_first_assignment_on(consumer, place):
    await consumer.perform_seek()
    assert place.stored == {(LOANS.name, 0): 3, (LOANS.name, 1): 3}
    assert place.owned == place.stored


async def test_each_batch_joins_on_the_one_before(consumer):
    await consumer.perform_seek()
    fed(consumer, [3, 4, 5])
    first = await fetched(consumer)
    fed(consumer, [6, 7])
    assert (first, await fetched(consumer)) == ([(HERE, 3, 6)], [(HERE, 6, 8)])


async def test_records_that_skip_some_still_say_where_they_had_to_join(consumer):
    await consumer.perform_seek()
    fed(consumer, [9, 10])
    assert await fetched(consumer) == [(HERE, 3, 11)]


async def test_what_one_fetch_brings_is_handed_on_at_once(consumer):
    await consumer.perform_seek()
    fed(consumer, [3, 4], [3])
    assert await fetched(consumer) == [(HERE, 3, 5), (THERE, 3, 4)]


async def test_what_was_read_while_the_flow_is_stopped_is_read_again(consumer):
    await consumer.perform_seek()
    before, consumer.flow_active = consumer.epoch, False
    fed(consumer, [3, 4], [3])
    assert await fetched(consumer) == []
    assert consumer.epoch == before + 1
    consumer.flow_active = True
    assert await fetched(consumer) == [(HERE, 3, 5), (THERE, 3, 4)]


async def test_a_partition_that_went_away_in_a_rebalance_is_not_handed_on(consumer):
    await consumer.perform_seek()
    consumer._thread.assigned = {THERE}
    await consumer.perform_seek()
    fed(consumer, [3, 4], [3])
    assert await fetched(consumer) == [(THERE, 3, 4)]


async def test_a_partition_without_a_place_to_join_is_not_read(consumer):
    consumer._thread.assigned = {HERE}
    await consumer.perform_seek()
    fed(consumer, [3], [3])
    assert await fetched(consumer) == [(HERE, 3, 4)]


async def test_fausts_own_filter_never_sees_a_stale_mark(consumer):
    await consumer.perform_seek()
    consumer._read_offset[HERE] = 500
    fed(consumer, [3])
    await fetched(consumer)
    assert HERE not in consumer._read_offset


async def test_a_batch_that_was_read_before_a_seek_is_not_applied_after_it(consumer):
    await consumer.perform_seek()
    applied = []
    old = await one(consumer)
    await consumer.perform_seek()
    assert not await consumer.applying([old], keep(applied))
    assert applied == []


async def test_a_seek_lets_the_transaction_under_way_end_first(consumer, place):
    await consumer.perform_seek()
    going, batch, seen = asyncio.Event(), await one(consumer), []

    async def slow(_batch):
        await going.wait()
        place.stored[LOANS.name, 0] = 4

    applying = asyncio.create_task(consumer.applying([batch], slow))
    await asyncio.sleep(0)
    seeking = asyncio.create_task(consumer.perform_seek())
    await asyncio.sleep(0.05)
    seen.append(consumer._thread.read_from[HERE])
    going.set()
    await asyncio.gather(applying, seeking)
    assert [*seen, consumer._thread.read_from[HERE]] == [3, 4]


async def test_the_group_is_told_what_the_database_holds_and_nothing_else(consumer):
    await consumer.perform_seek()
    consumer._acked[HERE] = [3, 4, 5, 6]
    await consumer.applying([await one(consumer)], keep([]))
    assert consumer._filter_committable_offsets({HERE}) == {HERE: 4, THERE: 3}
    assert consumer._acked[HERE] == []
    await consumer._add_gap(HERE, 1, 5)
    assert not consumer._gap


async def test_a_worker_that_stops_tells_the_group_of_the_transaction_under_way(consumer):
    await consumer.perform_seek()
    going, batch = asyncio.Event(), await one(consumer)

    async def slow(_batch):
        await going.wait()

    applying = asyncio.create_task(consumer.applying([batch], slow))
    await asyncio.sleep(0)
    stopping = asyncio.create_task(consumer.on_stop())
    await asyncio.sleep(0.05)
    going.set()
    await asyncio.gather(applying, stopping)
    assert consumer._thread.group == {HERE: 4, THERE: 3}


async def test_a_batch_that_raised_does_not_move_what_the_group_is_told(consumer):
    await consumer.perform_seek()

    async def raising(_batch):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await consumer.applying([await one(consumer)], raising)
    assert consumer._filter_committable_offsets({HERE})[HERE] == 3


async def test_while_the_database_is_away_nothing_is_read_and_then_it_goes_on_by_itself(consumer, place):
    await consumer.perform_seek()
    place.away = True
    await consumer.perform_seek()
    fed(consumer, [3])
    assert await fetched(consumer) == []
    place.away = False
    await asyncio.wait_for(consumer._retry, 5)
    assert await fetched(consumer) == [(HERE, 3, 4)]


async def test_a_seek_for_a_failure_that_another_seek_has_already_covered_is_not_made(consumer):
    await consumer.perform_seek()
    before = consumer.epoch
    await consumer.seek_again(before)
    await consumer.seek_again(before)
    assert consumer.epoch == before + 1


async def one(consumer) -> Fetched:
    fed(consumer, [3])
    async for _, message in consumer.getmany(0.1):
        (found,) = message.value
    return cast("Fetched", found)


def keep(applied):
    async def run(batch):
        applied.append(batch)

    return run


def told_of(*topics):
    """A client whose broker has told it of these topics, one partition each."""
    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
    brokers = [(0, "127.0.0.1", 1, None)]
    there = [(0, topic, False, [(0, 0, 0, [0], [0])]) for topic in topics]
    client.cluster.update_metadata(MetadataResponse_v1(brokers, 0, there))
    return client


async def test_a_client_that_knows_nothing_of_a_topic_asks_again_at_once():
    client = told_of("another")
    assert ask_for_missing(client, [LOANS.name, "another"]) == [LOANS.name]
    assert client._md_update_waiter.done(), "it is on its way to the broker"


async def test_a_client_that_knows_all_its_topics_asks_nothing():
    client = told_of(LOANS.name)
    assert ask_for_missing(client, [LOANS.name]) == []
    assert not client._md_update_waiter.done()


async def test_a_running_worker_looks_for_its_topics_again_and_again(consumer, monkeypatch):
    asked = []

    async def call_thread(look, *_):
        asked.append(look)
        if len(asked) == 1:
            raise ConnectionError("not yet")
        consumer._stopped.set()

    async def look_for_topics():
        """Stands for the thread's; by hand there is no client."""

    monkeypatch.setattr("services.kit.seam.METADATA_SECONDS", 0.01)
    consumer._thread.call_thread, consumer._thread.look_for_topics = call_thread, look_for_topics
    await asyncio.wait_for(consumer._know_all_topics.fun(consumer), 5)
    assert asked == [look_for_topics, look_for_topics]


async def test_a_partition_that_stands_still_is_neither_applied_nor_handed_on_and_the_others_are(consumer):
    await consumer.perform_seek()
    fed(consumer, here=[3, 4], there=[3])
    (out,) = [message.value async for _, message in consumer.getmany(0.1)]
    consumer.halt(HERE)
    ran = []

    async def run(*batches):
        ran.extend(batch.partition for batch in batches)

    assert [one.stream for one in await consumer.applying(out, run)] == [THERE]
    assert ran == [THERE.partition]
    fed(consumer, here=[5], there=[4])
    assert await fetched(consumer) == [(THERE, 4, 5)]
    await consumer.seek_again(consumer.epoch)
    fed(consumer, here=[3, 4])
    assert await fetched(consumer) == [(HERE, 3, 5)], "a seek begins anew, with the stored position"
