"""Brings a schema up to date at start. A service only adds files to `services/<name>/migrations/versions/`.

Each is an Alembic revision (`revision`, `down_revision`, `upgrade()`); names of tables go without a schema, since the
role's search path is the service's own.
"""

import threading
import zlib
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

_HERE = Path(__file__).parent / "migrations"
_ALEMBIC = threading.Lock()  # Alembic keeps its context in a module


def migrate(engine: Engine, service: str) -> None:
    """Create or upgrade the kit's tables and the service's own in the service's schema. Several may start at once."""
    own = Path(__file__).parents[1] / service / "migrations" / "versions"
    with engine.begin() as db:
        _lock(db, service)
        _ensure_schema(db, service)
        db.execute(text(f'SET LOCAL search_path = "{service}"'))
        _upgrade(db, _HERE / "versions", "kit_version", service)
        if own.is_dir():
            _upgrade(db, own, "service_version", service)


def migrate_vault(engine: Engine) -> None:
    """Create or upgrade the table of keys. Needs the role `vault`, who owns it; run once by whoever deploys."""
    with engine.begin() as db:
        _lock(db, "vault")
        _ensure_schema(db, "vault")
        _upgrade(db, _HERE / "vault", "vault_version", "vault")


def _lock(db: Connection, name: str) -> None:
    db.execute(text("SET LOCAL lock_timeout = 0"))
    db.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": zlib.crc32(f"arrears {name}".encode())})


def _ensure_schema(db: Connection, schema: str) -> None:
    if db.scalar(text("SELECT to_regnamespace(:s)"), {"s": schema}) is None:
        db.execute(text(f'CREATE SCHEMA "{schema}"'))


def _upgrade(db: Connection, versions: Path, version_table: str, schema: str) -> None:
    configuration = Config()
    configuration.set_main_option("script_location", str(_HERE))
    configuration.set_main_option("path_separator", "newline")
    configuration.set_main_option("version_locations", str(versions))
    configuration.attributes.update(connection=db, version_table=version_table, schema=schema)
    with _ALEMBIC:
        command.upgrade(configuration, "head")
