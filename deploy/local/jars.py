"""The jars that a lock file names: fetched once into the user's cache, their sha256 checked at every start."""

import hashlib
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from jgo.maven import MavenContext
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from deploy.local.errors import JarNotFetched, JarRefused

MIRROR_SETTING = "ARREARS_MAVEN_MIRROR"
CA_SETTING = "REQUESTS_CA_BUNDLE"
"""Read by the library that fetches, and by pip."""

_THREADS = 8
_FETCH_SECONDS_MAX = 30


@dataclass(frozen=True)
class LockedJar:
    """One line of the lock file: a Maven coordinate and the sha256 of the jar."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name of the jar, unique within the lock file."""
        return f"{self.artifact}-{self.version}.jar"


def default_cache() -> Path:
    """Return the folder in the user's cache in which the jars are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "arrears" / "jars"


def read_lock(lock: Path) -> list[LockedJar]:
    """Return the jars of a lock file, whose lines are `group:artifact:version sha256`; `#` begins a comment."""
    return [_locked_jar(line) for line in lock.read_text().splitlines() if line and not line.startswith("#")]


def _locked_jar(line: str) -> LockedJar:
    coordinate, sha256 = line.split()
    group, artifact, version = coordinate.split(":")
    return LockedJar(group, artifact, version, sha256)


def locked_jars(lock: Path, cache: Path) -> list[Path]:
    """Return the paths of all jars of the lock file, each of which has the locked content.

    Raises JarRefused or JarNotFetched.
    """
    jars = read_lock(lock)
    cache.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_THREADS) as threads:
        valid = list(threads.map(lambda jar: _is_valid(cache / jar.file_name, jar), jars))
    _fetch_all([jar for jar, is_valid in zip(jars, valid, strict=True) if not is_valid], cache)
    return [cache / jar.file_name for jar in jars]


def _fetch_all(jars: list[LockedJar], cache: Path) -> None:
    if not jars:
        return
    columns = (TextColumn("Fetching Apache Kafka"), BarColumn(), MofNCompleteColumn(), TextColumn("jars"))
    incoming = Path(tempfile.mkdtemp(prefix=".incoming-", dir=cache))
    try:
        with Progress(*columns, console=Console(stderr=True)) as progress, ThreadPoolExecutor(_THREADS) as threads:
            fetched = threads.map(lambda jar: _fetch(jar, incoming, cache), jars)
            list(progress.track(fetched, total=len(jars)))
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _fetch(jar: LockedJar, incoming: Path, cache: Path) -> None:
    file = _download(jar, incoming)
    if not _is_valid(file, jar):
        raise JarRefused(
            f"{jar.file_name} was fetched with sha256 {_sha256(file)}, but the lock file says {jar.sha256}. "
            f"Try again; if it stays so, point {MIRROR_SETTING} at a mirror you trust."
        )
    file.replace(cache / jar.file_name)


def _download(jar: LockedJar, incoming: Path) -> Path:
    mirror = os.environ.get(MIRROR_SETTING)
    remote = {"mirror": mirror.rstrip("/")} if mirror else None
    maven = MavenContext(repo_cache=incoming, remote_repos=remote, timeout=_FETCH_SECONDS_MAX)
    try:
        return Path(maven.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())
    except (OSError, RuntimeError) as error:
        raise JarNotFetched(f"{jar.file_name} could not be fetched ({error}). {_advice(str(error))}") from error


def _advice(error: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in error:
        return (
            "Something between here and there, most often a proxy, shows a certificate that is not trusted: "
            f"set {CA_SETTING} to the file that holds its authority's (PEM)."
        )
    return f"Check the network and HTTPS_PROXY, or point {MIRROR_SETTING} at a Maven mirror."


def _is_valid(file: Path, jar: LockedJar) -> bool:
    return file.exists() and _sha256(file) == jar.sha256


def _sha256(file: Path) -> str:
    with file.open("rb") as reader:
        return hashlib.file_digest(reader, "sha256").hexdigest()
