"""How each fault is done to a running cluster. Each function returns once the fault is over, or says what is left."""

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.chaos.cluster import Cluster, answers
from tests.chaos.journal import Journal, Notes
from tests.chaos.plan import SERVICES, WORKERS, Step
from tests.chaos.proxy import toxic
from tests.chaos.watch import Watch
from tests.chaos.windows import BY_NAME, slug

HIT_SECONDS = 12.0
TAKEN_OVER_SECONDS = 25.0
DOWN_SECONDS = 90.0
FULL_SECONDS, FELT_SECONDS, LOOK_SECONDS = 6.0, 24.0, 0.5
"""How long a disk is full, for how much longer if nobody has felt it yet, and how often one looks."""
EMPTY_GROUP_SECONDS = 30.0


class NotDone(Exception):
    """The fault did not come about; the message says why."""


@dataclass
class Faults:
    """The hands of the run."""

    cluster: Cluster
    watch: Watch
    journal: Journal
    notes: Notes

    def do(self, step: Step) -> None:
        """Do what a step says and write it down. Raises NotDone."""
        begun = time.time()
        told = _DO[step.fault](self, step)
        about = {"number": step.number, "service": step.service, "worker": step.worker, "how": step.how}
        self.journal.write("fault", fault=step.fault, **{**about, **told}, seconds=round(time.time() - begun, 2))

    # -- processes ----------------------------------------------------------------------------------------------------

    def kill(self, step: Step) -> dict[str, Any]:
        """SIGKILL, at a moment that nobody chose or in a named window."""
        if step.how in BY_NAME:
            return self._in_window(step, "kill")
        time.sleep(step.seconds)
        workers = WORKERS if step.worker == "both" else (step.worker,)
        return {"killed": sum(self._kill(f"{step.service}-{worker}") for worker in workers)}

    def _kill(self, name: str) -> bool:
        pid = self.cluster.pid(name)
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return self._until(lambda: self.cluster.pid(name) != pid, 5)

    def raising(self, step: Step) -> dict[str, Any]:
        """Something of ours raises, a few times in a row."""
        return self._in_window(step, "raise")

    def _in_window(self, step: Step, action: str) -> dict[str, Any]:
        self.arm(step, action)
        if BY_NAME[step.how].nudge:
            self._kill(f"{step.service}-{WORKERS[step.number % 2]}")
        if not self._until(lambda: self.notes.hit(step.number), HIT_SECONDS):
            return {"standing": True}
        return self.hit(step, action)

    def hit(self, step: Step, action: str) -> dict[str, Any]:
        """What came of a step that was hit."""
        note = self.notes.hit(step.number)
        assert note
        told = {"worker": note["worker"], "hit_at": note["at"]}
        if action == "kill":
            self._until(lambda: self.cluster.pid(f"{step.service}-{note['worker']}") != note["pid"], 5)
            return {**told, "killed": 1}
        return told

    def arm(self, step: Step, action: str) -> None:
        """Let the first worker that comes by the step's window do this."""
        armed = self.cluster.folder / "armed" / f"{step.service}.{slug(step.how)}"
        draft = armed.with_name(f"draft-{step.number}")
        draft.write_text(json.dumps({"action": action, "step": step.number, "times": step.times}))
        draft.rename(armed)

    def freeze(self, step: Step) -> dict[str, Any]:
        """An owner sleeps beyond its session, its partitions go to others, it wakes and goes on as if nothing were."""
        names = [f"{step.service}-{worker}" for worker in WORKERS]
        if not self._until(lambda: all(self._ready(name) for name in names), 60):
            raise NotDone("the two workers were not ready together")
        pid, worker = self._stopped(step)
        other = next(w for w in WORKERS if w != worker)
        begun = time.time()
        try:
            taken = self._until(lambda: self._owns_all(step.service, other, begun), TAKEN_OVER_SECONDS)
            time.sleep(max(0.0, begun + step.seconds - time.time()))
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        return {"worker": worker, "taken_over": bool(taken), "frozen_seconds": round(time.time() - begun, 2)}

    def _stopped(self, step: Step) -> tuple[int, str]:
        if step.how in BY_NAME:
            self.arm(step, "freeze")
            if self._until(lambda: self.notes.hit(step.number), HIT_SECONDS):
                note = self.notes.hit(step.number)
                assert note
                return note["pid"], note["worker"]
            self.disarm(step)
        for worker in (step.worker, *(w for w in WORKERS if w != step.worker)):
            pid = self.cluster.pid(f"{step.service}-{worker}")
            if pid is not None and self._owned_by(pid):
                os.kill(pid, signal.SIGSTOP)
                return pid, worker
        raise NotDone("nobody owned anything")

    def _owned_by(self, pid: int) -> list[int]:
        """What a process owned when it was assigned something last."""
        owns = [note["partitions"] for note in self.notes.read() if note["what"] == "owns" and note["pid"] == pid]
        return owns[-1] if owns else []

    def disarm(self, step: Step) -> None:
        """Nobody came by."""
        (self.cluster.folder / "armed" / f"{step.service}.{slug(step.how)}").unlink(missing_ok=True)

    def _owns_all(self, service: str, worker: str, since: float) -> bool:
        owns = [
            note
            for note in self.notes.read()
            if note["what"] == "owns" and (note["service"], note["worker"]) == (service, worker) and note["at"] > since
        ]
        return bool(owns) and len(owns[-1]["partitions"]) == 12

    def _ready(self, name: str) -> bool:
        port = self.cluster.ports[name]
        return self.cluster.pid(name) is not None and answers(f"http://127.0.0.1:{port}/health/ready")

    # -- what is outside ----------------------------------------------------------------------------------------------

    def broker(self, step: Step) -> dict[str, Any]:
        """The broker is killed or stopped, and comes back by itself."""
        return self._down("kafka", step)

    def database(self, step: Step) -> dict[str, Any]:
        """The database is killed, stopped at once or quickly, and comes back by itself."""
        return self._down("postgres", step)

    def _down(self, name: str, step: Step) -> dict[str, Any]:
        pid = self.cluster.pid(name)
        if pid is None:
            raise NotDone(f"{name} was down already")
        os.kill(pid, signal.Signals[step.how])
        self._back(name, pid)
        return {}

    def _back(self, name: str, pid: int) -> None:
        def back() -> bool:
            state = self.cluster.supervisor.state()[name]
            return state.ready and state.pid not in (None, pid)

        if not self._until(back, DOWN_SECONDS):
            raise NotDone(f"{name} did not come back")

    def partition(self, step: Step) -> dict[str, Any]:
        """A service's way to broker or database is cut, or made bad, for some seconds."""
        name = f"{step.service}-{step.worker}"
        proxy = self.cluster.proxies.by_name[name]
        opened, cut = proxy.opened, proxy.cut
        self.cluster.proxies.spoil(name, toxic(step.how))
        try:
            time.sleep(step.seconds)
        finally:
            self.cluster.proxies.heal(name)
        return {"cut": proxy.cut - cut, "opened_again": proxy.opened - opened}

    def disk(self, step: Step) -> dict[str, Any]:
        """No room on the disk of the broker's log, or of the database's write-ahead log, for some seconds."""
        disk = self.cluster.disks.get(step.how)
        if disk is None:
            self.journal.write("skipped", fault="disk", number=step.number, why=self.cluster.without_disks)
            return {"skipped": self.cluster.without_disks}
        name = {"broker": "kafka", "database": "postgres"}[step.how]
        refused, taken, ends = self._refused(name), disk.fill(), time.monotonic() + FULL_SECONDS
        try:
            while time.monotonic() < ends or (not self._felt(name, refused) and time.monotonic() < ends + FELT_SECONDS):
                with suppress(psycopg.Error):
                    self.watch.rows("SELECT pg_switch_wal()")  # so that the next word to be written needs room
                time.sleep(LOOK_SECONDS)
                taken = disk.fill()  # a checkpoint may have given some back
        finally:
            disk.empty()
        self._until(lambda: self.cluster.supervisor.state()[name].ready, DOWN_SECONDS)
        return {"bytes": taken, "refused": self._refused(name) - refused}

    def _felt(self, name: str, refused: int) -> bool:
        return self._refused(name) > refused

    def _refused(self, name: str) -> int:
        """How often a process has complained that there is no room."""
        return (self.cluster.var / "log" / f"{name}.log").read_text(errors="replace").count("No space left on device")

    def reset(self, step: Step) -> dict[str, Any]:
        """Ops set the group back to the beginning of all topics, while the service is down under load."""
        hold = self.cluster.folder / f"hold-{step.service}"
        hold.touch()
        try:
            killed = sum(self._kill(f"{step.service}-{worker}") for worker in WORKERS)
            count = self._reset(step.service)
        finally:
            hold.unlink()
        return {"killed": killed, "partitions": count}

    def _reset(self, service: str) -> int:
        admin = AdminClient({"bootstrap.servers": self.cluster.bootstrap, "log_level": 0})
        places = [TopicPartition(topic, n, 0) for topic, n in self.watch.positions(service)]
        ends = time.monotonic() + EMPTY_GROUP_SECONDS
        while True:
            asked = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(service, places)])
            try:
                answer = asked[service].result(10)
                if not any(place.error for place in answer.topic_partitions):
                    return len(places)
            except KafkaException as error:
                if time.monotonic() > ends:
                    raise NotDone(f"the group could not be reset: {error}") from None
            if time.monotonic() > ends:
                raise NotDone("the group did not get empty")
            time.sleep(0.5)  # the dead members have to leave the group first

    def heal(self) -> None:
        """Whatever was going on, let it be over."""
        self.cluster.proxies.heal()
        for disk in self.cluster.disks.values():
            disk.empty()
        for service in SERVICES:
            (self.cluster.folder / f"hold-{service}").unlink(missing_ok=True)
            for worker in WORKERS:
                if pid := self.cluster.pid(f"{service}-{worker}"):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)

    def _until(self, so: Callable[[], Any], seconds: float) -> bool:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            with suppress(psycopg.Error, KafkaException):
                if so():
                    return True
            time.sleep(0.02)
        return False


_DO: dict[str, Callable[[Faults, Step], dict[str, Any]]] = {
    "kill": Faults.kill,
    "raise": Faults.raising,
    "freeze": Faults.freeze,
    "broker": Faults.broker,
    "database": Faults.database,
    "partition": Faults.partition,
    "disk": Faults.disk,
    "reset": Faults.reset,
}
