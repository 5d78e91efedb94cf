"""`recovery`: how long after a kill -9 the first event comes: of a lost worker's partitions, and of the whole stack."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from deploy.local.ports import remembered_ports
from deploy.local.stack import CHECKOUT, LocalStack
from deploy.local.system import Plan, shared_settings
from schemas.topics import CASES, CONTACTS, SERVICES
from tests.bench.contenders import FOLDER
from tests.bench.fleet import Fleet, start
from tests.bench.population import clock_setting, mouth, overdue, recorded
from tests.bench.report import Bar, Panel, Progress, table, write
from tests.bench.watching import Seen, Watch

UNDER_WAY_SECONDS = 1.0
"""What the broker takes in so shortly after a kill was on its way before it."""

SESSION_SECONDS = 10.0
"""After how long without a heartbeat a worker's partitions go to others: the services' default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Facts a second while things are killed, and how long each case may take."""

    rate: float = 50.0
    borrowers: int = 6_000
    at: str = "01:00"
    seconds_max: float = 90.0


@dataclass(slots=True)
class Firsts:
    """The first record of each partition and topic that the broker took after an instant."""

    after: float = 0.0
    found: dict[tuple[str, int], float] = field(default_factory=dict)

    def begin(self) -> float:
        """Forget all; what comes from this moment on counts. Answers the moment (seconds since 1970)."""
        self.found, self.after = {}, time.time()
        return self.after

    def seen(self, record: Seen) -> None:
        """Take one in."""
        if record.taken_at > self.after + UNDER_WAY_SECONDS:
            self.found.setdefault((record.topic, record.partition), record.taken_at)


def run(stack: LocalStack, options: Options) -> int:
    """Kill one of two workers, then everything; return 1 where something did not come back in time."""
    firsts = Firsts()
    with Progress() as progress:
        progress.stage("starting the four services, notifier twice")
        fleet = start(stack, options.at)
        with (
            second_notifier(stack, options) as (worker, health),
            speaking(fleet, options, progress),
            Watch(stack.bootstrap, (CONTACTS.name, CASES.name), firsts.seen),
        ):
            lost = _lose_worker(worker, health, firsts, options, progress)
            back = _lose_everything(fleet, firsts, options, progress)
    _tell(lost, back, options)
    return 0 if lost and back else 1


@contextmanager
def second_notifier(stack: LocalStack, options: Options) -> Iterator["tuple[subprocess.Popen[bytes], str]"]:
    """Another worker of notifier, and the address of its health. Nobody starts it again."""
    ports = remembered_ports(stack.var / "run" / "system-ports.json", "notifier-2")
    known: dict[str, int] = json.loads((stack.var / "run" / "system-ports.json").read_text())
    urls, folder = stack.service_urls(), stack.var / "data" / "notifier-2"
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        **shared_settings(stack, Plan(clock=clock_setting(options.at), bare=True), known),
        "ARREARS_DATABASE_URL": urls["notifier"],
        "ARREARS_VAULT_URL": urls["vault"],
        "ARREARS_HTTP_PORT": str(ports["notifier-2"]),
        "ARREARS_DATA_DIR": str(folder),
        "ARREARS_INSTANCE": "2",
        "ARREARS_LOG_LEVEL": "warning",
    }
    with (stack.var / "log" / "notifier-2.log").open("ab") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "services.notifier"], cwd=CHECKOUT, env=environment, stdout=log, stderr=log
        )
    try:
        yield worker, f"http://127.0.0.1:{ports['notifier-2']}/health/ready"
    finally:
        worker.kill()
        worker.wait()


@contextmanager
def speaking(fleet: Fleet, options: Options, progress: Progress) -> Iterator[None]:
    """A bank that goes on saying the same loans overdue, a day older each round, for the block."""
    over = threading.Event()
    progress.stage(f"{options.borrowers:,} borrowers become known, then {options.rate:.0f} facts/s")
    with mouth(fleet.stack.bootstrap) as bank:
        bank.say_all(((recorded(n), f"recorded-{n}") for n in range(options.borrowers)), lambda _n: None)

    def speak() -> None:
        number = 0
        with mouth(fleet.stack.bootstrap) as bank:
            while not over.wait(1 / options.rate):
                days, who = divmod(number, options.borrowers)
                bank.say(overdue(who, days + 1), f"overdue-{number}")
                number += 1

    thread = threading.Thread(target=speak, name="bank", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(150)


def _lose_worker(
    worker: "subprocess.Popen[bytes]", health: str, firsts: Firsts, options: Options, progress: Progress
) -> dict[int, float]:
    """Seconds from the kill to the first event of each of its partitions."""
    _until(lambda: bool(_partitions(health)), options.seconds_max)
    time.sleep(8)
    mine = _partitions(health)
    progress.stage(f"killing one of two notifiers; partitions {', '.join(map(str, mine))} were its own")
    killed = firsts.begin()
    worker.kill()
    worker.wait()
    _until(lambda: all((CONTACTS.name, n) in firsts.found for n in mine), options.seconds_max)
    found = {n: firsts.found[CONTACTS.name, n] - killed for n in mine if (CONTACTS.name, n) in firsts.found}
    if len(found) < len(mine):
        progress.stage(f"  only {len(found)} of {len(mine)} partitions came back")
        return {}
    return found


def _partitions(health: str) -> list[int]:
    try:
        with urllib.request.urlopen(health, timeout=2) as answer:
            return list(json.load(answer)["partitions"])
    except OSError:
        return []


def _lose_everything(fleet: Fleet, firsts: Firsts, options: Options, progress: Progress) -> dict[str, float]:
    """Seconds from the kill of all processes to the first event of notifier and of assignment."""
    parts = ("broker", "database", "carriers", *SERVICES)
    progress.stage("killing broker, database, carriers and all services")
    pids = [fleet.pid(part) for part in parts]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    killed = firsts.begin()
    topics = (CONTACTS.name, CASES.name)
    _until(lambda: all(any(t == name for t, _ in firsts.found) for name in topics), options.seconds_max)
    return {t: min(at for (name, _), at in firsts.found.items() if name == t) - killed
            for t in topics if any(name == t for name, _ in firsts.found)}  # fmt: skip


def _until(done: Callable[[], bool], seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not done() and time.monotonic() < ends:
        time.sleep(0.1)


def _tell(lost: dict[int, float], back: dict[str, float], options: Options) -> None:
    rows: list[tuple[str, float]] = []
    if lost:
        rows.append(("one of two workers: first of its partitions", min(lost.values())))
        rows.append(("one of two workers: last of its partitions", max(lost.values())))
    rows += [(f"whole stack: first event on {topic}", seconds) for topic, seconds in back.items()]
    table(
        "Recovery after kill -9",
        ("what", "seconds"),
        [(what, f"{seconds:.1f}") for what, seconds in rows],
        f"A worker counts as lost after {SESSION_SECONDS:.0f} s without a heartbeat; nobody starts it again here.",
    )
    figures = {"command": "recovery", "options": asdict(options), "worker": lost, "stack": back}
    bars = [Bar(what, {"seconds": seconds}, f"{seconds:.1f} s") for what, seconds in rows]
    write(FOLDER / "results", "recovery", figures, [Panel("Seconds to the first event", bars)])
