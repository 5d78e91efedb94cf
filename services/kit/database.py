"""How a process reaches its database."""

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url

CONNECT_SECONDS = 5
UNSENT_MILLISECONDS = 15_000  # a cut line is noticed after this, instead of the kernel's quarter of an hour


def engine_for(url: str, service: str, pool: int = 12) -> Engine:
    """An engine whose search path is the service's schema. Connects when first used."""
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool,
        max_overflow=8,
        connect_args={
            "options": f"-c search_path={service} -c timezone=UTC",
            "application_name": f"arrears-{service}",
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": UNSENT_MILLISECONDS,
        },
    )
