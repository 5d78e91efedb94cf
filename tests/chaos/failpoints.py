"""The kit with moments at which it can be killed, frozen or made to raise: put around its functions from outside.

Nothing of this is in the services. A worker started by `tests/chaos/worker.py` looks, each time it comes by one of the
named moments, whether a file arms it; the first process that takes the file away does what it says, once.
"""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from aiokafka.conn import AIOKafkaConnection

from services.kit import repeats, seam
from services.kit.batches import Batches
from services.kit.broker import Broker
from services.kit.freshness import Freshness
from services.kit.lines import Lines
from services.kit.seam import SeamConsumer
from services.kit.states import Hot
from services.kit.timers import Timers
from services.kit.work import Fenced, Room
from tests.chaos import windows
from tests.chaos.windows import slug

Reach = Callable[[str], None]


class Planted(RuntimeError):
    """The bug that a fault plan plants: something of ours raises."""


class Notes:
    """What this process tells the run, a line of JSON at a time, in one file that all processes append to."""

    def __init__(self, folder: Path, service: str, instance: str) -> None:
        self._about = {"service": service, "worker": instance, "pid": os.getpid()}
        self._file = os.open(folder / "notes.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(self, what: str, **more: Any) -> None:
        """Append one line. A single small write to a file opened for appending is not torn apart."""
        line = {"what": what, "at": time.time(), **self._about, **more}
        os.write(self._file, json.dumps(line).encode() + b"\n")


class Failpoints:
    """Looks for what is armed, and does it."""

    def __init__(self, folder: Path, service: str, notes: Notes) -> None:
        self._folder, self._service, self._notes = folder / "armed", service, notes
        self._raising: dict[str, int] = {}

    def reach(self, window: str) -> None:
        """This moment has come. Returns at once unless it is armed."""
        if self._raising.get(window, 0) > 0:
            self._raising[window] -= 1
            raise Planted(window)
        armed = self._folder / f"{self._service}.{slug(window)}"
        if armed.exists():
            self._take(armed, window)

    def _take(self, armed: Path, window: str) -> None:
        mine = armed.with_suffix(f".taken-{os.getpid()}-{time.monotonic_ns()}")
        try:
            armed.rename(mine)
        except FileNotFoundError:
            return  # another process was quicker
        order = json.loads(mine.read_text())
        mine.unlink()
        self._notes.note("hit", window=window, action=order["action"], step=order["step"])
        self._act(order, window)

    def _act(self, order: dict[str, Any], window: str) -> None:
        if order["action"] == "raise":
            self._raising[window] = int(order["times"]) - 1
            raise Planted(window)
        os.kill(os.getpid(), signal.SIGKILL if order["action"] == "kill" else signal.SIGSTOP)


def install(reach: Reach, notes: Notes) -> None:
    """Put all moments around the kit."""
    _reading(reach)
    _applying(reach, notes)
    _publishing(reach)
    _watching(notes)


def install_in_notifier(reach: Reach) -> None:
    """Put the moments of sending around notifier."""
    from services.notifier.channels.sms import Sms, _Session
    from services.notifier.receipts import Inbox

    submit, request, store = Sms.submit, _Session.request, Inbox._store

    async def submitting(self: Any, message: Any, leaving: Any) -> Any:
        reach(windows.BEFORE_SUBMIT)
        outcome = await submit(self, message, leaving)
        reach(windows.RESPONSE)
        return outcome

    async def requesting(self: Any, command: str, **fields: object) -> Any:
        task = asyncio.ensure_future(request(self, command, **fields))
        if command == "submit_sm":
            await asyncio.sleep(0)  # by then the request is written to the socket
            reach(windows.NO_RESPONSE)
        return await task

    def storing(self: Any, receipts: Any) -> Any:
        reach(windows.RECEIPT)
        return store(self, receipts)

    _put(Sms, "submit", submitting)
    _put(_Session, "request", requesting)
    _put(Inbox, "_store", storing)


def _reading(reach: Reach) -> None:
    getmany, seek_to_committed, put = SeamConsumer.getmany, SeamConsumer.seek_to_committed, Lines.put
    commit = seam._Thread._commit

    async def reading(self: Any, timeout: float) -> AsyncIterator[Any]:
        reach(windows.BEFORE_POLL)
        async for found in getmany(self, timeout):
            yield found

    async def seeking(self: Any) -> Any:
        found = await seek_to_committed(self)
        reach(windows.SEEKING)
        return found

    async def queueing(self: Any, source: Any, *many: Any) -> None:
        await put(self, source, *many)
        if any(waiting and number in self._busy for number, waiting in self._lines.items()):
            reach(windows.QUEUED)

    async def committing(self: Any, offsets: Any) -> Any:
        done = await commit(self, offsets)
        reach(windows.AFTER_OFFSET)
        return done

    _put(SeamConsumer, "getmany", reading)
    _put(SeamConsumer, "seek_to_committed", seeking)
    _put(Lines, "put", queueing)
    _put(seam._Thread, "_commit", committing)


def _applying(reach: Reach, notes: Notes) -> None:
    apply, remember, decide, keep = Batches.apply, repeats.remember, Room.decide, Hot.keep
    ticks, own = Timers._ticks, Freshness.own
    seen: set[tuple[str, int]] = set()
    here = threading.local()

    def applying(self: Any, *batches: Any) -> None:
        reach(windows.BEFORE_TRANSACTION)
        streams = {(batch.topic.name, batch.partition) for batch in batches}
        here.first = not streams <= seen
        apply(self, *batches)
        if here.first and not seen:
            notes.note("applied", topic=batches[0].topic.name, partition=batches[0].partition)
        seen.update(streams)

    def remembering(*given: Any) -> None:
        remember(*given)
        if getattr(here, "first", False):
            reach(windows.FIRST_BATCH)
        reach(windows.IN_TRANSACTION)

    def deciding(self: Any, work: Any, changes: Any, item: Any) -> None:
        reach(windows.HANDLER)
        decide(self, work, changes, item)

    def keeping(self: Any, slots: Any) -> None:
        reach(windows.AFTER_COMMIT)
        keep(self, slots)

    def ticking(self: Any, work: Any, due: Any) -> Any:
        changes = ticks(self, work, due)
        if due:
            reach(windows.TIMER)
        return changes

    def owning(self: Any, numbers: Any, stored: Any) -> None:
        seen.clear()
        notes.note("owns", partitions=sorted(numbers))
        own(self, numbers, stored)

    _put(Batches, "apply", applying)
    _put(repeats, "remember", remembering)
    _put(Room, "decide", deciding)
    _put(Hot, "keep", keeping)
    _put(Timers, "_ticks", ticking)
    _put(Freshness, "own", owning)


def _publishing(reach: Reach) -> None:
    publish, send = Broker.publish, AIOKafkaConnection.send

    async def publishing(self: Any, stream: Any, frames: Any) -> None:
        reach(windows.CLAIMED)
        await publish(self, stream, frames)
        reach(windows.ACKNOWLEDGED)

    def sending(self: Any, request: Any, expect_response: bool = True) -> Any:
        waiting = send(self, request, expect_response)
        if type(request).__name__.startswith("ProduceRequest"):
            reach(windows.SENT)
        return waiting

    _put(Broker, "publish", publishing)
    _put(AIOKafkaConnection, "send", sending)


def _watching(notes: Notes) -> None:
    recover = Lines._recover

    async def recovering(self: Any, source: Any, fetched: Any, error: Exception) -> None:
        kind = "fenced" if isinstance(error, Fenced) else "batch failed"
        notes.note(kind, error=type(error).__name__, partition=fetched.batch.partition)
        await recover(self, source, fetched, error)

    _put(Lines, "_recover", recovering)


def _put(home: Any, name: str, function: Any) -> None:
    """Replace what must be there: a kit that was rebuilt shall not leave a moment unwatched."""
    getattr(home, name)
    setattr(home, name, function)
