"""What a chaos run runs on: broker, database, carriers and two workers of each service, with proxies and small disks.

Broker and database are the local stack's own. The broker gets one more listener per service, whose advertised address
is that of a proxy; so a service's connections can be cut without touching anybody else's.
"""

import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from deploy.local.kafka import kafka_process
from deploy.local.ports import HOST, remembered_ports
from deploy.local.postgres import postgres_process
from deploy.local.processes import Process
from deploy.local.stack import CHECKOUT, LocalStack, held
from deploy.local.supervisor import Supervisor
from deploy.local.system import Plan as SystemPlan
from deploy.local.system import shared_settings
from deploy.local.topics import create_topics
from tests.chaos.bank import FIRST_DAY
from tests.chaos.disks import Disk, NoDisks, move_onto, own_mounts
from tests.chaos.plan import SERVICES, WORKERS, Plan
from tests.chaos.proxy import Proxies, Proxy

SESSION_SECONDS = 6
"""The least that the broker allows."""

WAL_MEGABYTES, WAL_DISK_MEGABYTES = 160, 480
BROKER_MEGABYTES, BYTES_PER_EVENT = 400, 20_000
READY_SECONDS = 300
STARTING_SECONDS = 20
DAY_SECONDS = 86_400
MIDNIGHT = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC).timestamp() - 8 * 3600
CARRIERS = "carriers"


@dataclass(frozen=True, slots=True)
class BusinessClock:
    """Business time: `factor` times as fast as true time, beginning with the bank's first midnight in China."""

    origin: float
    factor: float
    start: float = MIDNIGHT

    def now(self) -> float:
        """Business seconds since 1970."""
        return self.start + (time.time() - self.origin) * self.factor

    def setting(self) -> str:
        """As the services are told."""
        start, origin = (datetime.fromtimestamp(at, UTC).isoformat() for at in (self.start, self.origin))
        return f"scaled|{start}|{origin}|{self.factor}"

    def standing(self) -> "BusinessClock":
        """The same instant from now on, at the pace of a true clock's thousandth: no timer falls due any more."""
        return BusinessClock(time.time(), 0.001, self.now())


@dataclass
class Cluster:
    """Everything that runs. `folder` is where workers and run talk through files; `disks` what can be filled."""

    var: Path
    folder: Path
    supervisor: Supervisor
    bootstrap: str
    database_url: str
    proxies: Proxies
    clock: BusinessClock
    settings: Mapping[str, str]
    urls: Mapping[str, str]
    ports: Mapping[str, int]
    disks: dict[str, Disk] = field(default_factory=dict)
    without_disks: str = ""

    def worker(self, service: str, worker: str) -> Process:
        """One worker process of one service."""
        port = self.ports[f"{service}-{worker}"]
        return Process(
            f"{service}-{worker}",
            (sys.executable, "-m", "tests.chaos.worker", service),
            endpoint=f"http://{HOST}:{port}",
            environment={**self.settings, **self._own(service, worker, port)},
            folder=CHECKOUT,
            ready=lambda: answers(f"http://{HOST}:{port}/health/ready"),
            ready_seconds_max=READY_SECONDS,
        )

    def _own(self, service: str, worker: str, port: int) -> dict[str, str]:
        data = self.var / "data" / f"{service}-{worker}"
        data.mkdir(parents=True, exist_ok=True)
        proxied = f"{HOST}:{self.ports[f'{service}-database']}"
        return {
            "ARREARS_CLOCK": self.clock.setting(),
            "ARREARS_KAFKA_BOOTSTRAP": f"{HOST}:{self.ports[f'{service}-broker']}",
            "ARREARS_DATABASE_URL": _through(self.urls[service], proxied),
            "ARREARS_VAULT_URL": _through(self.urls["vault"], proxied),
            "ARREARS_HTTP_HOST": HOST,
            "ARREARS_HTTP_PORT": str(port),
            "ARREARS_INSTANCE": worker,
            "ARREARS_DATA_DIR": str(data),
            "ARREARS_SESSION_SECONDS": str(SESSION_SECONDS),
            "ARREARS_CHAOS_DIR": str(self.folder),
        }

    def start_workers(self) -> None:
        """Start all workers and wait until they are ready."""
        self.supervisor.start(*(self.worker(service, worker) for service in SERVICES for worker in WORKERS))

    def stop_workers(self) -> None:
        """Stop all workers politely."""
        self.supervisor.stop(*(f"{service}-{worker}" for service in SERVICES for worker in WORKERS))

    def stop_carriers(self) -> None:
        """Stop the carriers, who would go on delivering and tracking for days of theirs."""
        self.supervisor.stop(CARRIERS)

    def pid(self, name: str) -> int | None:
        """The process id of a process that runs."""
        state = self.supervisor.state().get(name)
        return state.pid if state else None


@contextmanager
def running_cluster(var: Path, plan: Plan) -> Iterator[Cluster]:
    """Everything but the workers. On the way out all that was started is stopped."""
    ports = _ports(var)
    with held(var), Supervisor(var) as supervisor:
        disks, why = _disks(var, plan)
        local = _started(supervisor, var, ports, disks)
        with Proxies(_proxies(ports, local)) as proxies:
            cluster = Cluster(
                var=var,
                folder=_made(var / "chaos"),
                supervisor=supervisor,
                bootstrap=local.bootstrap,
                database_url=local.database_url("arrears"),
                proxies=proxies,
                clock=BusinessClock(time.time() + STARTING_SECONDS, DAY_SECONDS / plan.day_seconds),
                settings=_settings(local, ports),
                urls=local.service_urls(),
                ports=ports,
                disks=disks,
                without_disks=why,
            )
            supervisor.start(_carriers(cluster))
            yield cluster


def _made(folder: Path) -> Path:
    (folder / "armed").mkdir(parents=True, exist_ok=True)
    return folder


def _started(supervisor: Supervisor, var: Path, ports: Mapping[str, int], disks: Mapping[str, Disk]) -> LocalStack:
    """Broker and database, with all topics. Killed again and again, both are started again and again."""
    kafka = _with_listeners(kafka_process(var), var, ports)
    postgres = _with_small_wal(postgres_process(var), var, disks)
    supervisor.start(kafka, postgres)
    local = LocalStack(var, supervisor, kafka.endpoint, postgres.endpoint)
    create_topics(local.bootstrap)
    local.service_urls()
    return local


def _ports(var: Path) -> dict[str, int]:
    workers = [f"{service}-{worker}" for service in SERVICES for worker in WORKERS]
    ways = [f"{service}-{end}" for service in SERVICES for end in ("broker", "listener", "database")]
    return remembered_ports(var / "run" / "chaos-ports.json", *workers, *ways, "smpp", "smtp", CARRIERS)


def _settings(local: LocalStack, ports: Mapping[str, int]) -> dict[str, str]:
    named = {**ports, **{service: ports[f"{service}-1"] for service in SERVICES}}
    return shared_settings(local, SystemPlan(), named)


def _proxies(ports: Mapping[str, int], local: LocalStack) -> Iterator[Proxy]:
    database = int(local.database_endpoint.rpartition(":")[2])
    for service in SERVICES:
        yield Proxy(f"{service}-broker", ports[f"{service}-broker"], (HOST, ports[f"{service}-listener"]))
        yield Proxy(f"{service}-database", ports[f"{service}-database"], (HOST, database))


def _with_listeners(kafka: Process, var: Path, ports: Mapping[str, int]) -> Process:
    def prepare() -> None:
        kafka.before_start()
        _listening(var, ports)

    return replace(kafka, before_start=prepare)


def _listening(var: Path, ports: Mapping[str, int]) -> None:
    """Give the broker a listener per service, advertised at the service's proxy."""
    file = var / "kafka" / "server.properties"
    lines = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    for service in SERVICES:
        name = service.upper()
        lines["listeners"] += f",{name}://{HOST}:{ports[f'{service}-listener']}"
        lines["advertised.listeners"] += f",{name}://{HOST}:{ports[f'{service}-broker']}"
        lines["listener.security.protocol.map"] += f",{name}:PLAINTEXT"
    file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))


def _disks(var: Path, plan: Plan) -> tuple[dict[str, Disk], str]:
    """The disks that can be filled, or why there are none."""
    if "disk" not in plan.faults:
        return {}, ""
    megabytes = BROKER_MEGABYTES + plan.events * BYTES_PER_EVENT // 1_000_000
    try:
        own_mounts()
        log = Disk.mounted(var / "kafka" / "data", megabytes)
        return {"broker": log, "database": Disk.mounted(var / "wal", WAL_DISK_MEGABYTES)}, ""
    except NoDisks as error:
        return {}, str(error)


def _with_small_wal(postgres: Process, var: Path, disks: Mapping[str, Disk]) -> Process:
    if not disks:
        return postgres

    def prepare() -> None:
        postgres.before_start()
        move_onto(disks["database"], var / "postgres" / "pg_wal")

    # Without recycling there are no spare segments, which would hide a full disk for minutes.
    settings = (f"max_wal_size={WAL_MEGABYTES}MB", "min_wal_size=32MB", "wal_recycle=off")
    options = tuple(part for setting in settings for part in ("-c", setting))
    return replace(postgres, argv=(*postgres.argv, *options), before_start=prepare)


def _carriers(cluster: Cluster) -> Process:
    return Process(
        CARRIERS,
        (sys.executable, "-m", "tests.chaos.carriers"),
        endpoint=f"{HOST}:{cluster.ports[CARRIERS]}",
        environment={
            **cluster.settings,
            "ARREARS_CLOCK": cluster.clock.setting(),
            "ARREARS_CHAOS_DIR": str(cluster.folder),
        },
        folder=CHECKOUT,
    )


def _through(url: str, endpoint: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{endpoint}").geturl()


def answers(address: str) -> bool:
    """Whether a worker says that it is ready."""
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
