"""Plays a fault plan on a running cluster: nothing is hurt before it has moved since it was hurt last."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from confluent_kafka import KafkaException

from tests.chaos.cluster import Cluster
from tests.chaos.faults import Faults, NotDone
from tests.chaos.feeder import Bank, Outlet
from tests.chaos.journal import Journal, Notes
from tests.chaos.outsiders import Agencies, Officers
from tests.chaos.plan import SERVICES, WORKERS, Plan, Step
from tests.chaos.watch import Watch, intake_behind, sample
from tests.chaos.windows import BY_NAME

PROGRESS_SECONDS = 90.0
"""How long a service may take to prove progress before a fault is given up; the auditor counts what was given up."""

CAUGHT_UP_SECONDS = 300.0
QUIET_SECONDS = 240.0
QUIET_ROUNDS = 4
SAMPLE_SECONDS = 2.0
STANDING_SECONDS = 30.0


class NotQuiet(Exception):
    """The services did not come to rest; what is on the logs is not applied."""


@dataclass
class Director:
    """One run, from the first event to the quiet end."""

    plan: Plan
    cluster: Cluster
    journal: Journal
    moved: dict[str, int] = field(default_factory=dict)
    standing: list[Step] = field(default_factory=list)
    error: Exception | None = None

    def __post_init__(self) -> None:
        """Everything that watches and hurts."""
        bootstrap, url = self.cluster.bootstrap, self.cluster.database_url
        self.watch = Watch(bootstrap, url)
        self.notes = Notes(self.cluster.folder / "notes.jsonl")
        self.faults = Faults(self.cluster, self.watch, self.journal, self.notes)
        self.outlet = Outlet(bootstrap)
        behind = Watch(bootstrap, url)
        self.bank = Bank(self.plan, self.cluster.clock, self.outlet, lambda: intake_behind(behind))
        self.agencies = Agencies(bootstrap, self.cluster.clock, outlet=self.outlet, copies_max=self.plan.copies_max)
        self.officers = Officers(
            bootstrap,
            self.cluster.clock,
            addresses=[f"http://127.0.0.1:{self.cluster.ports[f'notifier-{worker}']}" for worker in WORKERS],
            journal=self.cluster.folder / "commands.jsonl",
        )
        self._over = threading.Event()

    def run(self) -> None:
        """Start the workers, tell the story, do the faults, bring all to rest."""
        self.journal.write("begun", seed=self.plan.seed, events=self.plan.events, faults=list(self.plan.faults))
        self.cluster.start_workers()
        self.journal.write("ready")
        sampler = threading.Thread(target=self._sample, name="sampler", daemon=True)
        for thread in (self.bank, self.agencies, self.officers, sampler):
            thread.start()
        try:
            self._play()
            self._settle()
        finally:
            self._over.set()
            self.bank.stop.set()
            self.agencies.stop.set()
            self.officers.stop.set()
            self.faults.heal()
        sampler.join(10)
        self.journal.write("over", events=self.bank.said, records=self.outlet.sent)

    # -- faults -------------------------------------------------------------------------------------------------------

    def _play(self) -> None:
        for step in self.plan.steps:
            self._look_at_standing()
            if not self._may(step):
                why = f"no progress was proved; the last error was {self.error!r}"
                self.journal.write("given up", number=step.number, fault=step.fault, why=why)
                continue
            self._do(step)
        ends = time.monotonic() + STANDING_SECONDS
        while self.standing and (time.monotonic() < ends or not self.bank.over.is_set()):
            self._look_at_standing()
            self._fail_with_the_bank()
            time.sleep(0.2)
        for step in self.standing:
            self.faults.disarm(step)
            self.journal.write("given up", number=step.number, fault=step.fault, how=step.how, why="nobody came by")

    def _do(self, step: Step) -> None:
        try:
            self.faults.do(step)
        except (NotDone, psycopg.Error, KafkaException, OSError) as error:
            self.journal.write("given up", number=step.number, fault=step.fault, why=str(error))
        else:
            if step.how in BY_NAME and step.fault in ("kill", "raise") and not self.notes.hit(step.number):
                self.standing.append(step)
        for service in SERVICES if not step.service else (step.service,):
            self._note_moved(service)

    def _look_at_standing(self) -> None:
        """Windows that were armed and that somebody has come by since."""
        for step in [s for s in self.standing if self.notes.hit(s.number)]:
            self.standing.remove(step)
            told = self.faults.hit(step, step.fault)
            about = {"number": step.number, "fault": step.fault, "service": step.service, "how": step.how}
            self.journal.write("hit later", **about, **told)
            self._note_moved(step.service)

    def _may(self, step: Step) -> bool:
        """Wait until the events before this step are applied and its service has moved since it was hurt last."""
        names = (step.service,) if step.service else SERVICES
        waited = time.monotonic()
        while True:
            self._fail_with_the_bank()
            try:
                here = self.bank.over.is_set() or all(self._events(name) >= step.after for name in names)
                proved = [self._proved(name) for name in names]
                if here and all(proved):
                    moved = {name: by for name, by in zip(names, proved, strict=True)}
                    self.journal.write("progress", number=step.number, moved=moved)
                    return True
                if not here:
                    waited = time.monotonic()
            except (psycopg.Error, KafkaException, TimeoutError) as error:
                self.error = error
            if time.monotonic() - waited > PROGRESS_SECONDS:
                return False
            self._look_at_standing()
            time.sleep(0.05)

    def _events(self, service: str) -> float:
        """About how many of the bank's events a service has applied: the share of the records on its intake."""
        applied = self.watch.applied(service)
        return self.bank.said * applied / max(1, applied + self.watch.behind(service, intake=True))

    def _proved(self, service: str) -> int:
        return self.watch.moved(service) - self.moved.get(service, 0)

    def _note_moved(self, service: str) -> None:
        with suppress(Exception):
            self.moved[service] = self.watch.moved(service)

    def _fail_with_the_bank(self) -> None:
        for thread in (self.bank, self.agencies, self.officers):
            if thread.error:
                raise thread.error

    # -- the end ------------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Let everything be applied, what lies in the dead letters too; then let time stand still and wait for rest."""
        self.faults.heal()
        self._wait(self.bank.over.is_set, CAUGHT_UP_SECONDS * 4, "the bank's story did not end")
        self.journal.write("fed", events=self.bank.said, records=self.outlet.sent)
        self._wait(self._caught_up, CAUGHT_UP_SECONDS, "the services did not catch up")
        self._redrive()
        self.journal.write("caught up")
        self.cluster.stop_workers()
        self.cluster.clock = self.cluster.clock.standing()
        self.cluster.start_workers()
        self.journal.write("standing", clock=self.cluster.clock.setting())
        self._until_quiet()
        for outsider in (self.agencies, self.officers):
            outsider.stop.set()
            outsider.join(25)
        self.cluster.stop_carriers()
        self.outlet.flush()
        self._until_quiet()
        self.outlet.write(self.cluster.folder / "acknowledged.jsonl")
        self.cluster.stop_workers()
        self.journal.write("quiet")

    def _caught_up(self) -> bool:
        return all(self.watch.behind(name, intake=True) == 0 for name in SERVICES)

    def _redrive(self) -> None:
        """As `arrears dlq redrive` does: ask, and let the owners of the partitions run them again."""
        for name in SERVICES:
            self.watch.rows(
                f"UPDATE {name}.dead_letters SET redrive_requested_at = now() WHERE redriven_at IS NULL RETURNING 1"
            )
        waiting = " + ".join(f"(SELECT count(*) FROM {n}.dead_letters WHERE redriven_at IS NULL)" for n in SERVICES)
        self._wait(lambda: self.watch.rows(f"SELECT {waiting}")[0][0] == 0, 60, "dead letters could not be run again")

    def _until_quiet(self) -> None:
        rounds = 0
        ends = time.monotonic() + QUIET_SECONDS
        while rounds < QUIET_ROUNDS:
            if time.monotonic() > ends:
                raise NotQuiet("the services did not come to rest")
            with suppress(Exception):
                rounds = rounds + 1 if self.watch.quiet() else 0
            time.sleep(0.5)

    def _wait(self, so: Callable[[], bool], seconds: float, else_: str) -> None:
        ends = time.monotonic() + seconds
        while True:
            self._fail_with_the_bank()
            with suppress(Exception):
                if so():
                    return
            if time.monotonic() > ends:
                self.journal.write("given up", why=else_)
                return
            time.sleep(0.2)

    def _sample(self) -> None:
        watch = Watch(self.cluster.bootstrap, self.cluster.database_url)
        path: Path = self.cluster.folder / "unseen.jsonl"
        while not self._over.wait(SAMPLE_SECONDS):
            with suppress(Exception), path.open("a", encoding="utf-8") as file:
                file.write(sample(watch) + "\n")
