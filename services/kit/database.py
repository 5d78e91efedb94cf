"""How a process reaches its database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from services.kit.writes import Raw

CONNECT_SECONDS = 5
UNSENT_MILLISECONDS = 15_000  # a cut line is noticed after this, instead of the kernel's quarter of an hour
LOCK_MILLISECONDS = 15_000
IDLE_MILLISECONDS = 10_000
"""A process that freezes inside a transaction loses it, so that whoever takes over does not wait for its locks."""

Outside = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)


def engine_for(url: str, service: str, pool: int = 12) -> Engine:
    """An engine whose search path is the service's schema. Connects when first used."""
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool,
        max_overflow=8,
        connect_args={
            "options": f"-c search_path={service} -c timezone=UTC -c lock_timeout={LOCK_MILLISECONDS}"
            f" -c idle_in_transaction_session_timeout={IDLE_MILLISECONDS}",
            "application_name": f"arrears-{service}",
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": UNSENT_MILLISECONDS,
        },
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[tuple[Connection, Raw]]:
    """One transaction, as SQLAlchemy and as psycopg see it. Rolled back when the block raises."""
    with engine.begin() as db:
        yield db, raw_of(db)


def raw_of(db: Connection) -> Raw:
    """The psycopg connection under a transaction."""
    return cast("Raw", db.connection.driver_connection)


def is_outside(error: BaseException) -> bool:
    """Whether the fault lies with the database or the way to it: away, restarting, full, deadlocked. Worth waiting."""
    origin: Any = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(origin, Outside)
