"""The one module that speaks faust: worker, group membership, assignment, lifecycle, and nothing else of it.

Faust's per-event path, acknowledgements, commits and seeks would lose or double events (reference: faust 0.15.3 acks
what raised, #606, #316). Here all that one fetch brings is one faust event; every assignment starts from the position
stored in our database; the group offset is told what the database holds and is never read as truth.

Private methods of faust-streaming 0.15 are used, so the version is pinned. What each rule is worth is tested in
`tests/kit/test_seam.py`.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import faust
import structlog
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, ensure_aiokafka_TP
from faust.transport.drivers.aiokafka import Consumer as FaustConsumer
from faust.transport.drivers.aiokafka import Transport as FaustTransport
from faust.types import TP, ConsumerMessage

from schemas.topics import Topic
from services.kit.background import Backoff
from services.kit.lines import Fetched, Handling, Lines, Run
from services.kit.outbox import Stream
from services.kit.positions import Misplaced
from services.kit.records import Batch

log = structlog.get_logger("arrears.kit")
FETCH_BYTES_MIN = 32 << 10
"""A fetch waits until so much has come, or `Wiring.fetch_wait_seconds` are over: busy streams are read in few large
batches, not in many of two or three records."""


METADATA_SECONDS = 2.0
"""How often a worker looks whether its client knows all topics, and asks for them where it does not. A broker that has
just come back may not know its topics yet; whoever leads the group then shares out what it sees, possibly nothing, and
the client would ask again only when its metadata is old, after minutes. Once it knows them it joins again by itself."""

QUIET_SECONDS = 5.0
FETCH_BYTES = 3 << 20
"""The most that is fetched of a partition at a time: of small facts about as many as are ever joined to one transaction
(`lines.JOINED_RECORDS_MAX`), so that a backlog takes as few transactions as may be."""

LONG = 24 * 3600.0
EXIT_STOPPED = 3
MODULE = {"__module__": __name__}


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the seam works with. The callables are called in threads and may block.

    place: gets earliest and latest offsets of all assigned partitions, answers the stored positions (creating them).
    owned: told of each new assignment. handling: what is done with each batch.
    """

    service: str
    instance: str
    bootstrap: str
    topics: Mapping[str, Topic]
    place: Callable[[Mapping[Stream, int], Mapping[Stream, int]], Mapping[Stream, int]]
    owned: Callable[[Mapping[Stream, int]], None]
    handling: Handling
    data_dir: Path
    session_seconds: float = 10.0
    queue: int = 2
    fetch_wait_seconds: float = 0.1


class _Thread(AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = round(1000 * cast("SeamConsumer", self.consumer).wiring.fetch_wait_seconds)
        consumer._fetch_min_bytes = FETCH_BYTES_MIN
        return consumer

    async def look_for_topics(self) -> None:
        """Have the client ask for the topics that its metadata lacks."""
        ask_for_missing(self._ensure_consumer()._client, cast("SeamConsumer", self.consumer).wiring.topics)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Tell the group; when that fails the worker goes on, for nobody relies on it."""
        mine = {tp: n for tp, n in offsets.items() if tp in self.assignment()}
        try:
            await self._ensure_consumer().commit({ensure_aiokafka_TP(tp): (n, "") for tp, n in mine.items()})
        except Exception as error:
            log.info("the group's offsets were not taken", error=repr(error)[:300])
            return False
        cast("SeamConsumer", self.consumer).told.update(mine)
        return True


def ask_for_missing(client: Any, topics: Iterable[str]) -> list[str]:
    """Have a client ask for its metadata again where it lacks some of these topics; answer which."""
    missing = sorted(topic for topic in topics if not client.cluster.partitions_for_topic(topic))
    if missing:
        log.warning("the client knows nothing of some topics, asking the broker again", topics=missing)
        client.force_metadata_update()
    return missing


class SeamConsumer(FaustConsumer):
    """Yields one message per fetch, a batch for each partition in it, from our stored positions."""

    wiring: Wiring
    stop_for_good: Callable[[BaseException], None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.epoch = 0
        self.stored: dict[TP, int] = {}
        self.told: dict[TP, int | None] = {}
        self._join: dict[TP, int] = {}
        self.halted: set[TP] = set()
        self._seeking = asyncio.Lock()
        self._retry: asyncio.Task[None] | None = None
        self._may_apply = asyncio.Event()
        self._may_apply.set()
        self._applying = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    @faust.Service.task
    async def _know_all_topics(self) -> None:
        """A worker that was given nothing, because the topics were not known for a moment, must not stay so."""
        while not self.should_stop:
            await self.sleep(METADATA_SECONDS)
            try:
                await self._thread.call_thread(cast("_Thread", self._thread).look_for_topics)
            except Exception as error:
                log.info("cannot look for the topics yet", error=repr(error)[:200])

    # -- seeking ------------------------------------------------------------------------------------------------------

    async def perform_seek(self) -> None:
        """Go to the stored positions. While broker or database is away nothing is read; it is tried again until done.

        Never raises: faust would give up the worker.
        """
        try:
            await self._seek_once()
        except Misplaced as error:
            self.stop_for_good(error)
        except Exception as error:
            log.warning("cannot go to the stored positions yet", error=repr(error)[:300])
            self._join = {}
            if self._retry is None or self._retry.done():
                self._retry = asyncio.create_task(self._seek_until_done())

    async def _seek_until_done(self) -> None:
        backoff = Backoff("stored positions")
        while not self.should_stop:
            try:
                return await self._seek_once()
            except Misplaced as error:
                return self.stop_for_good(error)
            except Exception as error:
                await asyncio.sleep(backoff.next(error))

    async def seek_again(self, epoch: int) -> None:
        """Start again from the stored positions, unless that was done since `epoch`. Returns when it is done."""
        backoff = Backoff("stored positions")
        while self.epoch == epoch and not self.should_stop:
            try:
                await self._seek_once(epoch)
            except Misplaced as error:
                return self.stop_for_good(error)
            except Exception as error:
                self._join = {}
                await asyncio.sleep(backoff.next(error))

    async def _seek_once(self, epoch: int | None = None) -> None:
        async with self._seeking:  # one seek at a time
            if epoch is not None and self.epoch != epoch:
                return
            self._may_apply.clear()
            try:
                await self._until_quiet()
                await super().perform_seek()
            finally:
                self._may_apply.set()

    async def _until_quiet(self) -> None:
        """Let the transactions under way end, so that what they commit is not read again; the fence covers the rest."""
        try:
            await asyncio.wait_for(self._quiet.wait(), QUIET_SECONDS)
        except TimeoutError:
            log.warning("transactions under way take long, going on without them")

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Called by faust's own `perform_seek` just before the flow resumes: the last word on where to read."""
        group = await super().seek_to_committed()
        tps = {TP(*tp) for tp in self.assignment()}
        first = await self.earliest_offsets(*tps) if tps else {}
        last = await self.highwaters(*tps) if tps else {}
        stored = await asyncio.to_thread(self.wiring.place, _streams(first), _streams(last))
        mine = {TP(*stream): position for stream, position in stored.items()}
        if mine:
            await self._thread.seek_wait(mine)
        self.epoch += 1
        self._join, self.stored = dict(mine), dict(mine)
        self.halted = set()
        self.told = {TP(*tp): offset for tp, offset in group.items()}
        await asyncio.to_thread(self.wiring.owned, stored)
        return {**group, **mine}

    # -- reading ------------------------------------------------------------------------------------------------------

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """One message per fetch: a batch of each partition, which joins on the one before, or on the seek.

        Faust spends half a millisecond on each message; and what is handed on at once cannot be overtaken by a seek or
        a rebalance between its parts.
        """
        records, _ = await self._wait_next_records(timeout)
        if not records or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        mine = {TP(*found): recs for found, recs in records.items() if TP(*found) in self._join}
        if mine:
            yield next(iter(mine)), self._message(mine)

    def _fetched(self, tp: TP, recs: list[Any]) -> Fetched:
        batch = Batch(self.wiring.topics[tp.topic], tp.partition, self._join[tp], recs[-1].offset + 1, recs)
        self._join[tp] = batch.next
        return Fetched(batch, self.epoch)

    def _message(self, mine: Mapping[TP, list[Any]]) -> ConsumerMessage:
        """What faust is to carry: as if it were a record of the first partition."""
        tp, recs = next(iter(mine.items()))
        last = recs[-1]
        self._read_offset.pop(tp, None)  # faust's own drop filter must not see a stale mark
        value: Any = [self._fetched(*one) for one in mine.items()]
        return ConsumerMessage(
            topic=tp.topic,
            partition=tp.partition,
            offset=last.offset,
            timestamp=last.timestamp / 1000,
            timestamp_type=last.timestamp_type,
            headers=None,
            key=None,
            value=value,
            checksum=None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    # -- applying -----------------------------------------------------------------------------------------------------

    async def applying(self, group: Sequence[Fetched], run: Run) -> Sequence[Fetched]:
        """Apply those before which no seek came between; answer which. Raises what `run` raises.

        What was read before the last seek is read again. So is what lies behind a record that must not be passed over,
        once somebody has decided.
        """
        await self._may_apply.wait()
        group = [one for one in group if one.epoch == self.epoch and TP(*one.stream) not in self.halted]
        if not group:
            return []
        self._applying += 1
        self._quiet.clear()
        try:
            await run(*(one.batch for one in group))
        finally:
            self._applying -= 1
            if not self._applying:
                self._quiet.set()
        self.stored |= {TP(*one.stream): one.batch.next for one in group if one.epoch == self.epoch}
        return group

    def halt(self, stream: Stream) -> None:
        """Apply nothing more of a partition until the next seek; what is fetched of it is passed over."""
        self.halted.add(TP(*stream))
        self._join.pop(TP(*stream), None)

    # -- what faust would do of its own -------------------------------------------------------------------------------

    async def on_stop(self) -> None:
        """Begin nothing more, let what is under way end, and have the group told of it: operators look there."""
        self._may_apply.clear()
        await self._until_quiet()
        await self.maybe_wait_for_commit_to_finish()
        await super().on_stop()

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        return None

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return iter(list(self.stored))

    def _filter_committable_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        for tp in list(self._acked):
            self._acked[tp].clear()
            self._acked_index[tp].clear()
        return {tp: n for tp, n in self.stored.items() if n != self.told.get(tp)}

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        """Faust would draw a table of all offsets for its log, seen or not: an eighth of a busy service's time."""
        return bool(await self._commit(offsets))

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's watch over its own commits says nothing about ours."""


def _streams(offsets: Mapping[Any, int]) -> dict[Stream, int]:
    return {(tp.topic, tp.partition): offset for tp, offset in offsets.items()}


class _PassThrough(faust.Schema[Any, Any]):
    def compile(self, app: Any, **_: Any) -> Any:
        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return app.create_event(None, message.value, {}, message)

        return decode


class _Worker(faust.Worker):
    """Ends without the pauses in which faust waits for what we end ourselves."""

    leftovers: Iterable["asyncio.Task[None]"] = ()

    def on_worker_shutdown(self) -> None:
        for task in self.leftovers:
            task.cancel()

    async def _sentinel_task(self) -> None:
        await asyncio.sleep(0)


class Seam:
    """One worker of one service. `run` blocks until it is stopped and answers the exit status."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._status = 0
        self.stopped: BaseException | None = None
        self._lines = Lines(wiring.handling, self.stop)

    def run(self) -> int:
        """Work until SIGTERM, Ctrl-C, or until a person has to decide (status 3)."""
        asyncio.set_event_loop(asyncio.new_event_loop())
        app = self._app()
        app.transport = self._transport()(app.conf.broker_consumer, app)
        topic = app.topic(*self._wiring.topics, schema=_PassThrough(), maxsize=self._wiring.queue)
        app.agent(topic, name=f"{self._wiring.service}-batches")(partial(self._agent, app))
        worker = _Worker(app, loglevel="info", redirect_stdouts=False, override_logging=False, quiet=True)
        worker.leftovers, worker.spinner = self._lines.tasks, None
        try:
            worker.execute_from_commandline()
        except SystemExit as end:
            return self._status or int(end.code or 0)
        finally:
            self._lines.close()
        return self._status

    def _transport(self) -> Any:
        """Faust makes transport and consumer by itself, so they are told what to work with through their classes."""
        told = {"wiring": self._wiring, "stop_for_good": self.stop}
        consumer = type("Consumer", (SeamConsumer,), {**told, **MODULE})
        return type("Transport", (FaustTransport,), {"Consumer": consumer, **MODULE})

    def _app(self) -> Any:
        wiring = self._wiring
        return faust.App(
            wiring.service,
            broker=";".join(f"aiokafka://{address.strip()}" for address in wiring.bootstrap.split(",")),
            autodiscover=False,
            web_enabled=False,
            datadir=str(wiring.data_dir / f"faust-{wiring.service}-{wiring.instance}"),
            broker_client_id=f"{wiring.service}-{wiring.instance}",
            consumer_group_instance_id=f"{wiring.service}-{wiring.instance}",
            consumer_auto_offset_reset="earliest",
            consumer_max_fetch_size=FETCH_BYTES,
            broker_session_timeout=wiring.session_seconds,
            broker_heartbeat_interval=wiring.session_seconds * 0.3,
            broker_commit_every=None,
            stream_wait_empty=False,
            stream_processing_timeout=LONG,
            broker_commit_livelock_soft_timeout=LONG,
            topic_allow_declare=False,
            topic_disable_leader=True,
        )

    def stop(self, error: BaseException) -> None:
        """A person has to decide. Say so, once, and end the worker. From any thread."""
        if self.stopped is None:
            self.stopped, self._status = error, EXIT_STOPPED
            log.critical("stopped: a person has to decide", service=self._wiring.service, reason=str(error))
            os.kill(os.getpid(), signal.SIGTERM)

    async def _agent(self, app: Any, stream: Any) -> None:
        """Hand on each fetch. Nothing may ever be raised out of here: faust would acknowledge and lose it."""
        async for fetched in stream:
            await self._lines.put(app.consumer, *fetched)
