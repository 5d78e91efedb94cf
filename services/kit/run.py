"""Composes one worker of one service and runs it: the only place where everything meets.

    def main() -> None:
        run(plug, NotifierSettings)

Exit status: 0 stopped on request, 2 a setting is wrong, 3 stopped because a person has to decide. Before a worker ends
with 3 it stays a while, works no more, and says why on `/health/ready`: so it is seen, and not restarted in a hot loop.
"""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NoReturn, TypeAlias, TypeVar

import structlog
from sqlalchemy import Engine, text

from services.kit import accepted, outbox, positions, repeats
from services.kit.admin import describe_topics, read_logs
from services.kit.background import LoopThread, Periodic
from services.kit.batches import Batches
from services.kit.broker import Broker
from services.kit.collector import Collector
from services.kit.database import engine_for, transaction
from services.kit.freshness import Freshness
from services.kit.intake import Intake
from services.kit.limits import Limits
from services.kit.lines import Handling
from services.kit.logs import set_up_logs
from services.kit.metrics import HALTED, STOPPED, show
from services.kit.outbox import Frame, Stream
from services.kit.outside import Missing, find_topics, prepare_database, wait_for
from services.kit.plug import Loop, Plug
from services.kit.positions import Log, Misfit, Misplaced
from services.kit.problem import install_problems
from services.kit.records import Record
from services.kit.redrive import Originals, Redrive
from services.kit.relay import Relay
from services.kit.runtime import Running
from services.kit.seam import EXIT_STOPPED, Seam, Wiring
from services.kit.service import Service
from services.kit.settings import Settings, give_up, make_folder, read_settings
from services.kit.stuck import LOOK_SECONDS, end_frozen
from services.kit.timers import Timers
from services.kit.vault import IntakeRing, TableKeys, Vault, vault_in_memory
from services.kit.watch import WATCH_SECONDS, Watch
from services.kit.web import Door, Health, WebThread, listen
from services.kit.work import Room

log = structlog.get_logger("arrears.kit")
TIMER_SECONDS = 0.25
REDRIVE_SECONDS = 1.0
HOUSEKEEPING_SECONDS = 60.0
OUTBOX_SECONDS = 3600.0
INBOX_SECONDS = 14 * 24 * 3600.0
COMMAND_SECONDS = 30 * 24 * 3600.0
STALLED_SECONDS = 30.0
BROKER_SILENT_SECONDS = 5.0
LOOP_AGAIN_SECONDS = 1.0
STOPPED_LOOK_SECONDS = 0.5
ORIGINAL_SECONDS = 15.0

AnyPlug: TypeAlias = Plug[Any, Any]
T = TypeVar("T", bound=Settings)


def run(plug_factory: Callable[[T], AnyPlug], settings: type[T]) -> NoReturn:
    """Run the service until it is told to stop. Ends the process."""
    told = read_settings(settings)
    signal.signal(signal.SIGTERM, _leave)
    make_folder("DATA_DIR", told.data_dir)
    try:
        plug = plug_factory(told)
    except ValueError as error:  # settings that do not go together
        give_up([str(error)])
    set_up_logs(plug.service.name, told.log_level, told.log_format)
    worker = _Worker(plug, told)
    try:
        status = worker.run()
        if status == EXIT_STOPPED:
            worker.stay()
    except KeyboardInterrupt:
        status = 0
    finally:
        worker.close()
    sys.exit(status)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


@dataclass(slots=True)
class _Worker:
    """One process of one service."""

    plug: AnyPlug
    settings: Settings
    engine: Engine = field(init=False)
    door: Door = field(init=False)
    web: WebThread = field(init=False)
    doing: str = "starting"
    freshness: Freshness | None = None
    joined: bool = False
    halted: dict[Stream, str] = field(default_factory=dict)
    stopped: BaseException | None = None
    ends: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    works: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __post_init__(self) -> None:
        """Open the door first, so that health can be asked while the rest is being waited for."""
        name, told = self.plug.service.name, self.settings
        self.engine = engine_for(told.database_url.get_secret_value(), name)
        self.door = Door(name, self.health)
        try:
            sock = listen(told.http_host, told.http_port)
        except OSError as error:
            give_up([f"ARREARS_HTTP_PORT: cannot listen on {told.http_host}:{told.http_port}: {error.strerror}"])
        self.web = WebThread(self.door, sock).start()
        self.ends.callback(self.engine.dispose)
        self.ends.callback(self.web.stop)
        log.info("listening", url=f"http://{told.http_host}:{self.web.port}")

    def close(self) -> None:
        """Stop everything in reverse order."""
        self.works.close()
        self.ends.close()

    def stay(self) -> None:
        """Work no more; say why until the time is over or, where positions are at stake, somebody has decided."""
        signal.signal(signal.SIGTERM, _leave)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.door.behind = None
        self.works.close()
        STOPPED.set(1)
        wrong = self.stopped.misfits if isinstance(self.stopped, Misplaced) else ()
        _hush(lambda: self._alarm(wrong))
        ends = time.monotonic() + self.settings.stopped_seconds
        while time.monotonic() < ends and not (wrong and self._decided(wrong)):
            time.sleep(STOPPED_LOOK_SECONDS)

    def _alarm(self, wrong: Sequence[Misfit]) -> None:
        with transaction(self.engine) as (_, raw):
            positions.raise_alarms(raw, wrong)

    def _decided(self, wrong: Sequence[Misfit]) -> bool:
        try:
            with transaction(self.engine) as (_, raw):
                stored = positions.load(raw, {misfit.stream[0] for misfit in wrong})
        except Exception:
            return False
        return all(stored.get(misfit.stream) != misfit.stored for misfit in wrong)

    # -- composing ----------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Wait for what is outside, put everything together, work."""
        service, told = self.plug.service, self.settings
        vault = self._vault(service)
        wait_for("database", lambda: prepare_database(self.engine, service, told.vault_url), self._say_doing)
        topics = wait_for("broker", lambda: find_topics(told.kafka_bootstrap, service), self._say_doing)
        counts = {name: facts.partitions for name, facts in topics.items()}
        thread = LoopThread("broker")
        self.works.callback(thread.stop)
        broker = Broker(told.kafka_bootstrap, f"{service.name}-{told.instance}")
        freshness = Freshness(self.engine, told.clock, broker, service.reads, counts)
        room = self._room(service, vault, freshness, counts)
        relay = _relay(room, broker, thread, counts)
        self.freshness = freshness
        wiring = self._wiring(room, freshness, relay)
        self.works.callback(_hush, lambda: thread.run(broker.close(), 2))
        self.works.callback(_hush, lambda: thread.run(relay.mark(), 2))
        relay.start()
        freshness.start(thread)
        self._periodic(room, freshness, _Originals(broker, thread))
        self._serve(Running(room, vault, freshness))
        self.ends.callback(Collector().start().stop)
        self.doing = "joining the group"
        seam = Seam(wiring)
        watch = Watch(self.engine, told.kafka_bootstrap, service, lambda: self.joined, seam.stop)
        self.works.callback(watch.close)
        self.works.callback(Periodic("positions", WATCH_SECONDS, watch.look).start().stop)
        status = seam.run()
        self.stopped = seam.stopped
        return status

    def _say_doing(self, doing: str) -> None:
        self.doing = doing

    def _vault(self, service: Service[Any, Any]) -> Vault:
        if not service.opens:
            return vault_in_memory()
        if self.settings.master_key is None:
            give_up(["ARREARS_MASTER_KEY: is not set (32 bytes, base64), and this service keeps personal data"])
        return Vault(TableKeys(self.engine), self.settings.master_key)

    def _room(
        self, service: Service[Any, Any], vault: Vault, freshness: Freshness, counts: Mapping[str, int]
    ) -> Room[Any, Any]:
        intake = Intake(service.opens, vault if service.opens else None, IntakeRing(self.settings.intake_keys))
        return Room(
            service,
            self.engine,
            self.settings.clock,
            intake,
            partitions=lambda topic: counts.get(topic.name, topic.partitions),
            known_as_of=freshness.known_as_of,
            committed=lambda _frames: None,
        )

    def _wiring(self, room: Room[Any, Any], freshness: Freshness, relay: Relay) -> Wiring:
        told = self.settings
        limits = Limits(told.dead_letter_run, told.dead_letter_ratio)

        def place(earliest: Mapping[Stream, int], latest: Mapping[Stream, int]) -> Mapping[Stream, int]:
            topics = {topic for topic, _ in earliest}
            facts = describe_topics(told.kafka_bootstrap, topics)  # one of them may be another topic by now
            if missing := sorted(topics - facts.keys()):
                raise Missing(f"topics are missing: {', '.join(missing)}")
            return self._placed({s: Log(first, latest[s], facts[s[0]].id) for s, first in earliest.items()})

        lead = next((t.name for t in room.service.reads if t.key == "borrower_id"), "")

        def owned(stored: Mapping[Stream, int]) -> None:
            numbers = frozenset(n for name, n in stored if name == lead)
            room.hot.clear()
            self._halted({})
            freshness.own(numbers, stored)
            relay.own(numbers)
            self.doing, self.joined = "working", True
            log.info("owning partitions", partitions=sorted(numbers))

        return Wiring(
            room.service.name,
            told.instance,
            told.kafka_bootstrap,
            {topic.name: topic for topic in room.service.reads},
            place,
            owned,
            Handling(Batches(room, limits).apply, freshness.moved, self._halt, self._accepted),
            told.data_dir,
            told.session_seconds,
            told.stream_queue,
            told.fetch_wait_seconds,
        )

    def _halt(self, stream: Stream, reason: str) -> None:
        self._halted({**self.halted, stream: reason})
        with transaction(self.engine) as (_, raw):
            accepted.raise_alarm(raw, stream, reason)

    def _halted(self, halted: dict[Stream, str]) -> None:
        self.halted = halted
        show(HALTED, {(topic, str(number)): 1 for topic, number in halted})

    def _accepted(self, stream: Stream) -> int:
        with transaction(self.engine) as (_, raw):
            return accepted.until(raw, stream)

    def _placed(self, logs: Mapping[Stream, Log]) -> Mapping[Stream, int]:
        """The stored positions. The owner before may just have read past the ends that we asked for: look once more."""
        name = self.plug.service.name
        try:
            with transaction(self.engine) as (_, raw):
                return positions.load_or_create(raw, name, logs)
        except Misplaced as error:
            stored = {misfit.stream: misfit.stored for misfit in error.misfits}
            again = read_logs(self.settings.kafka_bootstrap, {topic for topic, _ in stored})
            if wrong := positions.misfits(stored, {stream: again[stream] for stream in stored}):
                raise Misplaced(name, wrong) from None
            with transaction(self.engine) as (_, raw):
                return {s: at for s, at in positions.load_next(raw, sorted({t for t, _ in logs})).items() if s in logs}

    def _periodic(self, room: Room[Any, Any], freshness: Freshness, originals: Originals) -> None:
        timers, redrive = Timers(room), Redrive(room, originals)

        def tick() -> None:
            timers.run(*timers.due_on(freshness.owned()))

        def redrive_asked() -> None:
            for number in redrive.asked_on(list(freshness.owned())):
                redrive.run(number)

        def housekeeping() -> None:
            with transaction(self.engine) as (_, raw):
                outbox.trim(raw, OUTBOX_SECONDS)
                repeats.trim(raw, INBOX_SECONDS)
                raw.execute("DELETE FROM commands WHERE at < now() - make_interval(secs => %s)", [COMMAND_SECONDS])

        for name, seconds, work in (
            ("timers", TIMER_SECONDS, tick),
            ("redrive", REDRIVE_SECONDS, redrive_asked),
            ("housekeeping", HOUSEKEEPING_SECONDS, housekeeping),
            ("frozen sessions", LOOK_SECONDS, lambda: end_frozen(self.engine)),
        ):
            self.works.callback(Periodic(name, seconds, work).start().stop)

    def _serve(self, runtime: Running[Any, Any]) -> None:
        api = self.plug.api(runtime)
        install_problems(api)
        self.door.behind = api
        for number, loop in enumerate(self.plug.loops):
            thread = LoopThread(f"loop-{number}")
            thread.soon(_keep_running, thread, loop, runtime)
            self.works.callback(_hush, thread.stop)

    # -- how it is ----------------------------------------------------------------------------------------------------

    def health(self) -> Health:
        """How this worker is."""
        name, freshness = self.plug.service.name, self.freshness
        if self.stopped is not None:
            return Health("stopped", name, str(self.stopped))
        if freshness is None or not self.joined:
            return Health("starting", name, self.doing)
        numbers = tuple(sorted(freshness.owned()))
        lag, stalled = freshness.lag, freshness.stalled_seconds
        halted = tuple(text for _, text in sorted(self.halted.items()))
        return Health(self._verdict(freshness, lag, stalled), name, self.doing, numbers, lag, stalled, halted)

    def _verdict(self, freshness: Freshness, lag: int, stalled: float) -> Any:
        try:
            with self.engine.begin() as db:
                db.execute(text("SELECT 1"))
        except Exception:
            return "database away"
        if not freshness.owned():
            return "standby"
        if time.time() - freshness.asked_at > BROKER_SILENT_SECONDS:
            return "broker away"
        if self.halted:
            return "halted"
        if lag and stalled > STALLED_SECONDS:
            return "stalled"
        return "catching up" if lag else "ready"


@dataclass(frozen=True, slots=True)
class _Originals:
    """Records on the broker, for threads."""

    broker: Broker
    thread: LoopThread

    def fetch(self, stream: Stream, offset: int) -> Record | None:
        return self.thread.run(self.broker.fetch(stream, offset), ORIGINAL_SECONDS)

    def publish(self, stream: Stream, frame: Frame) -> None:
        self.thread.run(self.broker.publish(stream, [frame]), ORIGINAL_SECONDS)


def _relay(room: Room[Any, Any], broker: Broker, thread: LoopThread, counts: Mapping[str, int]) -> Relay:
    lead = next((t.name for t in room.service.reads if t.key == "borrower_id"), None)
    count = counts[lead] if lead else 1
    relay = Relay(room.engine, broker, thread, lambda partition: partition % count)
    room.committed = relay.offer
    return relay


def _keep_running(thread: LoopThread, loop: "Loop[Any, Any]", runtime: Running[Any, Any]) -> None:
    async def forever() -> None:
        while True:
            try:
                await loop(runtime)
                return
            except Exception:
                log.exception("a loop failed, starting it again", loop=getattr(loop, "__name__", str(loop)))
                await asyncio.sleep(LOOP_AGAIN_SECONDS)

    thread.keep(forever())


def _hush(work: Callable[[], object]) -> None:
    """On the way out nothing may keep the rest from being stopped."""
    with contextlib.suppress(Exception):
        work()
