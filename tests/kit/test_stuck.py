"""A worker that froze while it sent rows lets go of what its successor needs. Real database."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import Engine, text

from services.kit.database import engine_for
from services.kit.stuck import SILENT, end_frozen

pytestmark = pytest.mark.stack
AT_ONCE = timedelta(0)


@pytest.fixture
def engine(fresh_database: Callable[[], str]) -> Iterator[Engine]:
    made = engine_for(fresh_database(), "kit")
    with made.begin() as db:
        db.execute(text("CREATE SCHEMA kit"))
        db.execute(text("CREATE TABLE positions (partition int PRIMARY KEY, next int)"))
        db.execute(text("INSERT INTO positions VALUES (1, 0), (2, 0)"))
    yield made
    made.dispose()


@contextmanager
def frozen(engine: Engine) -> Iterator[None]:
    """A worker holds partition 1 and stands in the middle of a COPY."""
    connection = engine.raw_connection()
    raw = connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    try:
        raw.execute("UPDATE positions SET next = 1 WHERE partition = 1")
        raw.execute("CREATE TEMP TABLE rows (n int) ON COMMIT DROP")
        with raw.cursor().copy("COPY rows FROM STDIN") as copy:
            copy.write_row([1])
            yield
    except psycopg.OperationalError:
        pass  # its session was ended
    finally:
        connection.close()


@contextmanager
def successor(engine: Engine, partition: int) -> Iterator[threading.Event]:
    """Another worker goes on with a partition; the event is set once it could."""
    done = threading.Event()

    def go_on() -> None:
        with engine.begin() as db:
            db.execute(text("UPDATE positions SET next = 5 WHERE partition = :p"), {"p": partition})
        done.set()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield done
    finally:
        thread.join(20)


def until_ended(engine: Engine, silent: timedelta) -> list[int]:
    """Look for a second or two, as its watch does."""
    for _ in range(20):
        if found := end_frozen(engine, silent):
            return found
        threading.Event().wait(0.1)
    return []


def test_a_session_frozen_in_a_statement_lets_its_successor_go_on(engine: Engine) -> None:
    with frozen(engine), successor(engine, 1) as done:
        assert len(until_ended(engine, AT_ONCE)) == 1
        assert done.wait(5)
    with engine.begin() as db:
        assert db.scalar(text("SELECT next FROM positions WHERE partition = 1")) == 5


def test_one_that_holds_nobody_up_is_left_alone(engine: Engine) -> None:
    with frozen(engine), successor(engine, 2) as done:
        assert done.wait(5)
        assert until_ended(engine, AT_ONCE) == []


def test_one_that_was_heard_of_lately_is_left_alone(engine: Engine) -> None:
    with frozen(engine), successor(engine, 1) as done:
        assert until_ended(engine, SILENT) == []
        assert not done.is_set()
        assert len(end_frozen(engine, AT_ONCE)) == 1
