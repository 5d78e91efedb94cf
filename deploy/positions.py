"""`arrears positions`: where each service stands on each partition, and how to go on when a position does not fit."""

import getpass
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.table import Table
from sqlalchemy import Engine, text

from deploy.dlq import Bootstrap, logs_of, one_service, service_database
from deploy.local.stack import DEFAULT_VAR
from deploy.said import MISUSE, NO, Commands, Json, Var, because, fail, out, say
from schemas.topics import ASSIGNMENT, LOANS, NOTIFIER, SERVICES, VISITS, topics_of
from services.assignment.store.queries import ask_to_retell
from services.kit import positions
from services.kit.database import transaction
from services.kit.outbox import Stream
from services.kit.positions import WHAT, Misfit, Position

COLUMNS = ("service", "topic", "partition", "stored", "log_first", "log_last", "what")
RETOLD = (NOTIFIER, VISITS)
"""Services that read no snapshots: assignment tells them again how loans stand, at the next snapshot of each."""

app = typer.Typer(cls=Commands, no_args_is_help=True, help="Stored positions: look, decide where one does not fit.")
Service = Annotated[str, typer.Argument(help=", ".join(SERVICES))]


@app.command("list")
def list_command(
    service: Annotated[str, typer.Option("--service", "-s", help="Only this service's.")] = "",
    everything: bool = False,
    var: Var = DEFAULT_VAR,
    bootstrap: Bootstrap = "",
    as_json: Json = False,
) -> None:
    """Show the positions that do not fit their topics (--everything: all). Exit status 1 if one does not fit."""
    names = (one_service(service),) if service else SERVICES
    rows = [row for name in names for row in _rows(name, var, bootstrap) if everything or row["misfit"]]
    wrong = any(row["misfit"] for row in rows)
    if as_json or not rows:
        say(rows, as_json, "Every stored position fits its topic.")
    else:
        out.print(_table(rows))
    raise typer.Exit(NO if wrong else 0)


@app.command("accept")
def accept_command(
    service: Service,
    topic: Annotated[str, typer.Argument(help="Name of the topic.")],
    partition: Annotated[int, typer.Argument(help="Number of the partition.")],
    *,
    reason: Annotated[str, typer.Option(help="Why it is right to go on; kept with the decision.")],
    at: Annotated[
        int | None, typer.Option(help="Offset to go on at; default: all that is left, nothing that was applied.")
    ] = None,
    by: Annotated[str, typer.Option(help="Who decides; default: the user who runs this.")] = "",
    var: Var = DEFAULT_VAR,
    bootstrap: Bootstrap = "",
    as_json: Json = False,
) -> None:
    """Have a stopped service go on where its stored position does not fit. What it misses is not brought back by this.

    Loans are put right by the bank's next snapshots, for services that read none through assignment: see
    docs/how-to/gaps.md.
    """
    why = because(reason)
    misfit = _misfit(one_service(service), (topic, partition), var, bootstrap)
    chosen = misfit.go_on_at if at is None else at
    if not misfit.log.first <= chosen <= misfit.log.last:
        fail(f"--at {chosen}: the log holds {misfit.log.first} to {misfit.log.last}.", MISUSE)
    with service_database(service, var) as engine, transaction(engine) as (_, raw):
        done = positions.accept(raw, misfit, chosen, why, by or getpass.getuser())
    if not done:
        fail(f"The position of {topic}/{partition} was changed meanwhile. Look again.", NO)
    if topic == LOANS.name and service in RETOLD:
        with service_database(ASSIGNMENT, var) as engine, engine.begin() as db:
            ask_to_retell(db, partition)
    document = {"service": service, "topic": topic, "partition": partition, "accepted": chosen, "kind": misfit.kind}
    say(document, as_json, f"{service} goes on with {topic}/{partition} at {chosen}. The decision is kept.")


def _misfit(service: str, stream: Stream, var: Var, bootstrap: str) -> Misfit:
    with service_database(service, var) as engine:
        stored, logs = _stored(engine, service), logs_of(service, var, bootstrap)
    if stream not in stored:
        fail(f"{service} has no stored position on {stream[0]}/{stream[1]}.", MISUSE)
    if stream not in logs:
        fail(f"{stream[0]}/{stream[1]} is not on the broker. `arrears topics` shows what is.", NO)
    wrong = positions.misfits({stream: stored[stream]}, {stream: logs[stream]})
    if not wrong:
        fail(f"{stream[0]}/{stream[1]} fits: nothing to decide.", NO)
    return wrong[0]


def _rows(service: str, var: Var, bootstrap: str) -> Iterator[dict[str, object]]:
    with service_database(service, var) as engine:
        stored, logs = _stored(engine, service), logs_of(service, var, bootstrap)
    wrong = {misfit.stream: misfit for misfit in positions.misfits(stored, logs)}
    for stream, position in sorted(stored.items()):
        log, misfit = logs.get(stream), wrong.get(stream)
        yield {
            "service": service,
            "topic": stream[0],
            "partition": stream[1],
            "stored": position.next,
            "log_first": log.first if log else None,
            "log_last": log.last if log else None,
            "misfit": misfit.kind if misfit else None,
            "what": WHAT[misfit.kind] if misfit else "" if log else "not on the broker",
        }


def _stored(engine: Engine, service: str) -> dict[Stream, Position]:
    with transaction(engine) as (db, raw):
        if db.scalar(text("SELECT to_regclass('positions')")) is None:
            return {}
        return positions.load(raw, {topic.name for topic in topics_of(service)})


def _table(rows: list[dict[str, object]]) -> Table:
    table = Table("service", "topic", "partition", "stored", "log from", "to", "what")
    for row in rows:
        table.add_row(*(str(row[name]) for name in COLUMNS))
    return table
