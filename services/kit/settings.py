"""What a process is told through its environment, all `ARREARS_*`; each may come from a file named by `ARREARS_*_FILE`.

A service with settings of its own subclasses `Settings`. A missing or wrong one is one clear line and exit status 2.
"""

import base64
import binascii
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from services.kit.clock import SYSTEM, Clock, clock_from
from services.kit.vault import KEY_BYTES

PREFIX = "ARREARS_"
EXIT_SETTINGS = 2
POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
BROKER = re.compile(r"[^\s/:@]+:\d{1,5}|\[[0-9a-fA-F:.]+\]:\d{1,5}")
PORT_MAX = 65_535


def _key(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        key = base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes, base64; it is {len(key)}")
    return key


def _ring(value: object) -> Mapping[str, bytes]:
    if isinstance(value, Mapping):
        return value
    pairs = [part.partition("=") for part in str(value).split(",") if part.strip()]
    return {name.strip(): _key(key.strip()) for name, _, key in pairs}


def _brokers(value: str) -> str:
    """Addresses that a client can try; with one that it cannot read it would look for a broker for ever."""
    addresses = [address.strip() for address in value.split(",")]
    wrong = [a for a in addresses if not BROKER.fullmatch(a) or not 0 < int(a.rpartition(":")[2]) <= PORT_MAX]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is not host:port (several: host:port,host:port)")
    return ",".join(addresses)


def _database(value: SecretStr) -> SecretStr:
    """An address of PostgreSQL. What is wrong is not shown: there is a password in it."""
    try:
        driver = make_url(value.get_secret_value()).drivername
    except (ArgumentError, ValueError):
        raise ValueError("is not an address like postgresql://role:password@host:5432/name") from None
    if driver not in POSTGRESQL:
        raise ValueError(f"is an address of {driver}; it must be one of PostgreSQL, postgresql://…")
    return value


def _clock(value: str | Clock) -> Clock:
    return clock_from(value) if isinstance(value, str) else value


Key = Annotated[bytes, BeforeValidator(_key)]
Database = Annotated[SecretStr, AfterValidator(_database)]


class Settings(BaseSettings):
    """Settings that every service has."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", arbitrary_types_allowed=True, frozen=True)

    kafka_bootstrap: Annotated[str, AfterValidator(_brokers)]
    database_url: Database
    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65535)] = 0
    clock: Annotated[Clock, PlainValidator(_clock)] = SYSTEM
    master_key: Annotated[Key | None, Field(repr=False)] = None
    vault_url: Database | None = None
    """The vault's own role, to make its table at start; without it whoever deploys has to (`migrate_vault`)."""
    intake_keys: Annotated[
        Mapping[str, bytes], NoDecode, PlainValidator(_ring), Field(repr=False, default_factory=dict)
    ]
    data_dir: Path = Path("var")
    jurisdiction: str = "CN"
    instance: str = "1"
    """Names this replica; stable over its restarts, so that it gets its partitions back at once."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    session_seconds: Annotated[float, Field(ge=1, le=90)] = 10.0
    """After how long without a heartbeat a worker's partitions go to others."""
    stream_queue: Annotated[int, Field(ge=1)] = 2
    """Fetches that may wait behind the one that is being handed on."""
    fetch_wait_seconds: Annotated[float, Field(gt=0, le=5)] = 0.1
    """So long a read waits for more to come with it: longer is cheaper, and later."""
    dead_letter_run: Annotated[int, Field(ge=1)] = 1000
    """So many dead letters in a row on one partition stop the service: a bad deployment must not drain a topic."""
    dead_letter_ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    """So large a share of dead letters among the latest 5,000 records stops the service."""
    stopped_seconds: Annotated[float, Field(ge=0)] = 60.0
    """How long a worker that waits for a person's decision stays to say so, before it ends with exit status 3."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the files that the environment names."""
        return (named["init_settings"], named["env_settings"], _Files(settings_cls))


class _Files(PydanticBaseSettingsSource):
    """Reads `ARREARS_X_FILE`; the last line break does not count."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Not used: all fields are read at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """All settings that come from files."""
        names = {name: os.environ.get(f"{PREFIX}{name.upper()}_FILE") for name in self.settings_cls.model_fields}
        return {name: _text(name, Path(path)) for name, path in names.items() if path}


def _text(name: str, path: Path) -> str:
    try:
        return path.read_text("utf-8").rstrip("\n")
    except UnicodeDecodeError:
        raise SettingsError(f"{PREFIX}{name.upper()}_FILE: {path} holds no text") from None


T = TypeVar("T", bound=Settings)


def read_settings(kind: type[T]) -> T:
    """The settings of this process. Ends it with one line per wrong setting and exit status 2."""
    try:
        return kind()
    except ValidationError as error:
        give_up(_line(e["loc"], _what(e["type"], e["msg"])) for e in error.errors())
    except SettingsError as error:
        give_up([str(error)])
    except OSError as error:
        give_up([f"{error.filename}: {error.strerror}"])


def _line(place: tuple[int | str, ...], what: str) -> str:
    """Which setting is wrong, and how. What was found by looking at several names its setting itself."""
    return f"{PREFIX}{'.'.join(map(str, place)).upper()}: {what}" if place else what


def _what(kind: str, message: str) -> str:
    return "is not set" if kind == "missing" else message.removeprefix("Value error, ")


def make_folder(name: str, folder: Path) -> None:
    """Have a folder that a setting names. Ends the process with one line where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        give_up([f"{PREFIX}{name}: {folder} cannot be made: {error.strerror}"])


def give_up(lines: Iterable[str], status: int = EXIT_SETTINGS) -> NoReturn:
    """Say what is wrong, a line each, and end the process."""
    for line in lines:
        sys.stderr.write(f"arrears: {line}\n")
    raise SystemExit(status)
