"""The local stack, run for real: what was killed comes back with its data, what was stopped is gone."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from deploy.local.background import start_in_background, stop_in_background
from deploy.local.errors import AlreadyRunning
from deploy.local.ports import remembered_ports
from deploy.local.postgres import admin_url
from deploy.local.stack import LocalStack, holder
from deploy.local.state import ProcessState, read_state

pytestmark = pytest.mark.stack


def argv(var: Path) -> list[str]:
    return [sys.executable, "-m", "deploy.local", "--var", str(var)]


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def now(var: Path, name: str) -> ProcessState:
    state = read_state(var)
    assert state is not None
    return state.processes[name]


def kill(var: Path, name: str) -> None:
    before = now(var, name)
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    until(lambda: now(var, name).ready and now(var, name).restarts == before.restarts + 1)


def family(pid: int) -> list[psutil.Process]:
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def database(var: Path) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(admin_url(now(var, "postgres").endpoint, var / "run" / "secrets.json"), autocommit=True)


def topics(bootstrap: str) -> list[str]:
    client = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        return list(client.list_topics())
    finally:
        client.close()


@contextmanager
def background(var: Path) -> Iterator[int]:
    yield start_in_background(var, argv(var)).supervisor
    stop_in_background(var)


def test_broker_and_database_answer(kafka_bootstrap, fresh_database):
    assert topics(kafka_bootstrap) is not None
    with psycopg.connect(fresh_database()) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_a_service_reaches_only_what_is_its_own(stack: LocalStack):
    urls = stack.service_urls()
    assert stack.service_urls() == urls
    with psycopg.connect(urls["vault"]) as vault:
        vault.execute("CREATE TABLE IF NOT EXISTS phones (number text)")
    with psycopg.connect(urls["notifier"]) as notifier:
        notifier.execute("CREATE TABLE notes (text text)")
        assert notifier.execute("SELECT to_regclass('notifier.notes')::text").fetchone() == ("notes",)
        notifier.execute("SELECT * FROM vault.phones")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            notifier.execute("CREATE TABLE visits.notes (text text)")
    for statement in ("SELECT * FROM vault.phones", "CREATE TABLE public.notes (text text)"):
        with psycopg.connect(urls["reporting"]) as reporting, pytest.raises(psycopg.errors.InsufficientPrivilege):
            reporting.execute(statement)


def test_only_the_owner_may_read_the_passwords(stack: LocalStack):
    assert stack.secrets.stat().st_mode & 0o777 == 0o600


def test_a_second_start_in_the_same_folder_is_told_so(stack: LocalStack):
    with pytest.raises(AlreadyRunning, match=str(os.getpid())):
        start_in_background(stack.var, argv(stack.var))
    done = subprocess.run(argv(stack.var), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("A stack is already running")


def test_what_is_killed_comes_back_with_its_data(stack: LocalStack, var: Path):
    with background(var):
        bootstrap = now(var, "kafka").endpoint
        assert bootstrap != stack.bootstrap
        client = KafkaAdminClient(bootstrap_servers=bootstrap)
        client.create_topics([NewTopic("kept", 1, 1)])
        client.close()
        with database(var) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
            started = starts(var)
            os.kill(connection.info.backend_pid, signal.SIGKILL)
        # The server answers for a moment yet: it recovers as soon as it has heard that one of its backends died.
        until(lambda: starts(var) == started + 1)
        assert now(var, "postgres").restarts == 0
        with database(var) as busy:
            assert busy.execute("SELECT one FROM kept").fetchone() == (1,)
            # A frozen backend does not notice that its server died, and would keep the next one from starting.
            psutil.Process(busy.info.backend_pid).suspend()
            kill(var, "postgres")
        kill(var, "kafka")
        with database(var) as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
        assert "kept" in topics(bootstrap)


def starts(var: Path) -> int:
    """How often the database server said that it is ready, a recovery without a new process among them."""
    return (var / "log" / "postgres.log").read_text().count("ready to accept connections")


def answers(var: Path) -> bool:
    try:
        database(var).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_killed_supervisor_leaves_nothing_and_the_next_start_finds_everything(var: Path):
    with background(var) as supervisor:
        left, before = family(supervisor), read_state(var)
        with database(var) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
            os.kill(supervisor, signal.SIGKILL)
            _, alive = psutil.wait_procs(left, timeout=15)
        assert alive == []
        assert len(left) > 5
    with background(var), database(var) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
        assert before is not None
        assert now(var, "kafka").endpoint == before.processes["kafka"].endpoint


def test_ports_that_others_took_are_replaced(var: Path):
    with background(var):
        names = ("kafka", "kafka-controller", "postgres")
    old = remembered_ports(var / "run" / "ports.json", *names)
    with ExitStack() as taken:
        for port in old.values():
            listener = taken.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen()
        with background(var):
            assert answers(var)
            assert topics(now(var, "kafka").endpoint) is not None
    assert not set(old.values()) & set(remembered_ports(var / "run" / "ports.json", *names).values())


@pytest.mark.parametrize("presses", [1, 3], ids=["once", "held down"])
def test_ctrl_c_stops_all_in_good_order_without_a_traceback(var: Path, presses: int):
    program = subprocess.Popen(argv(var), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until(lambda: (state := read_state(var)) is not None and state.ready)
    left = family(program.pid)
    for _ in range(presses):
        program.send_signal(signal.SIGINT)
        time.sleep(0.1)
    output, _ = program.communicate(timeout=60)
    assert program.returncode == 0
    assert "Traceback" not in output
    assert psutil.wait_procs(left, timeout=1)[1] == []
    assert holder(var) is None
    # A server that is killed leaves its shared memory to the machine and its log to be recovered from.
    assert "shut down" in (var / "log" / "postgres.log").read_text().splitlines()[-1]
