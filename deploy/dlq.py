"""`arrears dlq`: what could not be applied, why, how to run it again, and how to accept that it is many."""

import base64
import getpass
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from deploy.local.errors import StackError
from deploy.local.stack import DEFAULT_VAR
from deploy.said import MISUSE, NO, Commands, Json, Var, because, fail, mending, out, say
from deploy.up import read_endpoints
from schemas.topics import SERVICES, topics_of
from services.kit import accepted
from services.kit.admin import BrokerAway, read_logs
from services.kit.database import transaction
from services.kit.dlq import DeadLetter, list_letters, request_redrive, show_letter
from services.kit.outbox import Stream
from services.kit.positions import Log

app = typer.Typer(cls=Commands, no_args_is_help=True, help="Dead letters: list, show, run again, accept.")
Service = Annotated[str, typer.Option("--service", "-s", help="Only this service's: " + ", ".join(SERVICES))]
Bootstrap = Annotated[
    str, typer.Option(help="Kafka to talk to; default: the stack in --var.", envvar="ARREARS_KAFKA_BOOTSTRAP")
]
Number = Annotated[int, typer.Argument(help="The number that `list` shows.")]


@app.command("list")
def list_command(
    service: Service = "", everything: bool = False, var: Var = DEFAULT_VAR, as_json: Json = False
) -> None:
    """Show what could not be applied and is not yet run again; --everything shows the others too."""
    rows = [(name, letter) for name in _named(service) for letter in _letters(name, everything, var)]
    if as_json:
        return say([{"service": name, **asdict(letter)} for name, letter in rows], True, "")
    for name in _named(service):
        for place, text in _halted(name, var).items():
            say(None, False, f"{name} stands still on {place}: {text}")
    if not rows:
        return say(None, False, "No dead letters.")
    table = Table("service", "no.", "kind", "reason", "origin", "key", "tries", "waiting")
    for name, one in rows:
        origin = f"{one.topic}/{one.partition}/{one.offset}"
        numbers = (str(one.attempts), str(one.waiting))
        table.add_row(name, str(one.number), one.kind, one.reason, origin, one.key or "", *numbers)
    return out.print(table)


@app.command("show")
def show_command(number: Number, service: Service, var: Var = DEFAULT_VAR) -> None:
    """Show one dead letter whole, with its bytes: text where they are UTF-8, else base64."""
    with service_database(one_service(service), var) as engine:
        found = show_letter(engine, number)
    if found is None:
        fail(f"{service} has no dead letter {number}.", NO)
    letter, value, headers = found
    say({**asdict(letter), "headers": headers, "value": _readable(value)}, True, "")


@app.command("redrive")
def redrive_command(
    service: Service,
    numbers: Annotated[list[int] | None, typer.Argument(help="Which; all open ones if none is named.")] = None,
    dry_run: bool = False,
    var: Var = DEFAULT_VAR,
    as_json: Json = False,
) -> None:
    """Run dead letters again, and after each what was waiting behind it. Asking twice does no harm."""
    with service_database(one_service(service), var) as engine:
        found = [one for one in list_letters(engine, limit=100_000) if not numbers or one.number in numbers]
        hopeless = [one.number for one in found if one.kind in HOPELESS]
        chosen = [one.number for one in found if one.number not in hopeless]
        count = 0 if dry_run else request_redrive(engine, chosen)
    if numbers and (unknown := sorted(set(numbers) - set(chosen) - set(hopeless))):
        fail(f"{service} has no open dead letter {', '.join(map(str, unknown))}.", NO)
    if hopeless and numbers:
        fail(
            f"{_numbers(hopeless)} can never be run: these bytes are no event. Have the producer send a right one.", NO
        )
    text = f"{len(chosen)} would be run again." if dry_run else f"{count} are run again by their partitions' owners."
    say({"chosen": chosen, "requested": count}, as_json, text)


@app.command("accept")
def accept_command(
    service: Annotated[str, typer.Argument(help=", ".join(SERVICES))],
    topic: str,
    partition: int,
    *,
    until: Annotated[int, typer.Option(help="The first offset that is not accepted; the service names it.")],
    reason: Annotated[str, typer.Option(help="Why these may end in the dead letters; kept with the decision.")],
    by: Annotated[str, typer.Option(help="Who decides; default: the user who runs this.")] = "",
    var: Var = DEFAULT_VAR,
    bootstrap: Bootstrap = "",
    as_json: Json = False,
) -> None:
    """Let a partition that stands still put what it cannot apply into the dead letters, up to an offset, and go on."""
    why, stream = because(reason), (topic, partition)
    with service_database(one_service(service), var) as engine:
        with transaction(engine) as (_, raw):
            standing = f"{topic}/{partition}" in accepted.alarms(raw)
        if not standing:
            fail(f"{service} does not stand still on {topic}/{partition}: nothing to accept.", NO)
        _not_beyond(logs_of(service, var, bootstrap).get(stream), until)
        with transaction(engine) as (_, raw):
            done = accepted.accept(raw, stream, until, why, by or getpass.getuser())
    if not done:
        fail(f"{service} has no stored position on {topic}/{partition} below {until}: nothing to accept.", NO)
    document = {"service": service, "topic": topic, "partition": partition, "until": until}
    text = f"{service} goes on with {topic}/{partition} in a moment. The decision is kept."
    say(document, as_json, text)


def _not_beyond(log: Log | None, until: int) -> None:
    """A decision covers what was looked at, never what comes later."""
    if log is None or until > log.last:
        end = f"ends at {log.last}" if log else "is not on the broker"
        fail(f"--until {until}: the log {end}, and nobody has seen what may come later.", MISUSE)


def logs_of(service: str, var: Var, bootstrap: str) -> Mapping[Stream, Log]:
    """What the broker holds of every partition that a service reads. A broker that is away is one clear message."""
    with mending():
        broker = bootstrap or read_endpoints(var)["kafka"]
        try:
            return read_logs(broker, {topic.name for topic in topics_of(service)})
        except BrokerAway as error:
            raise StackError(f"The broker does not answer: {error}. Is the system up?") from None


HOPELESS = ("unreadable", "reused_id")
"""Kinds that stay what they are however often they are run."""


def _numbers(numbers: list[int]) -> str:
    return f"Dead letter{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _named(service: str) -> tuple[str, ...]:
    return (one_service(service),) if service else SERVICES


def one_service(service: str) -> str:
    """The service of this name; ends the command where there is none."""
    if service not in SERVICES:
        fail(f"{service!r} is not a service: choose from {', '.join(SERVICES)}.", MISUSE)
    return service


def _letters(service: str, everything: bool, var: Var) -> list[DeadLetter]:
    with service_database(service, var) as engine:
        return list_letters(engine, open_only=not everything, limit=1000)


def _halted(service: str, var: Var) -> dict[str, str]:
    with service_database(service, var) as engine, transaction(engine) as (_, raw):
        return accepted.alarms(raw)


@contextmanager
def service_database(service: str, var: Var) -> Iterator[Engine]:
    """The database with a service's schema as search path. A database that is away is one clear message."""
    with mending():
        url = make_url(read_endpoints(var)["database"]).set(drivername="postgresql+psycopg")
        options = {"options": f"-csearch_path={service}"}
        engine = create_engine(url, connect_args=options, poolclass=NullPool)
        try:
            yield engine
        except OperationalError as error:
            raise StackError(f"The database does not answer: {error.orig}. Is the system up?") from None
        finally:
            engine.dispose()


def _readable(value: bytes | None) -> str | dict[str, str] | None:
    if value is None:
        return None
    try:
        return json.loads(value) if value[:1] in b"{[" else value.decode()
    except ValueError:
        return {"base64": base64.b64encode(value).decode()}
