"""`arrears`: everything that people do with the system, from one command.

Exit codes: 0 done; 1 the answer is no (bad events, a broken law, nothing found); 2 wrong use or setting; 3 not running.
"""

import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from deploy.contract import File, read_file, report
from deploy.contract import app as contract
from deploy.dlq import app as dlq
from deploy.forget import forget
from deploy.kafka_tools import run_tool
from deploy.local.background import start_in_background, stop_in_background
from deploy.local.stack import DEFAULT_VAR, holder
from deploy.local.state import read_state
from deploy.local.timekeeping import read_mark
from deploy.positions import app as positions
from deploy.publish import Sheet, publish, write_rejects
from deploy.rules import app as rules
from deploy.said import MISUSE, NO, NOT_RUNNING, Commands, Json, Var, err, fail, mending, out, say, unheard
from deploy.trace import trace
from deploy.up import factor_of, nothing_runs, read_endpoints, running_var, start_in, told

app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, rich_markup_mode=None, help=__doc__)
JURISDICTIONS, PLAYED = ("CN", "US", "IN", "UK"), ("CN", "US")
"""Whose rule packs there are, and for which of them the demo has a portfolio."""

LOANS_MAX = 10_000
Clock = Annotated[str, typer.Option(help="`system`, or how many times as fast as true time: 3600 is a day in 24 s.")]
Bootstrap = Annotated[
    str, typer.Option(help="Kafka to talk to; default: the stack in --var.", envvar="ARREARS_KAFKA_BOOTSTRAP")
]


def _version(asked: bool) -> None:
    if asked:
        say(None, False, f"arrears {version('arrears')}")
        raise typer.Exit


@app.callback()
def main_options(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")] = False,
) -> None:
    """Options of all commands."""


@app.command()
def up(
    var: Var = DEFAULT_VAR, clock: Clock = "system", bare: bool = False, jurisdiction: str = "CN", as_json: Json = False
) -> None:
    """Start everything, and return once all is ready.

    That is broker, database, the services, simulated carriers and agencies. --bare: carriers that accept everything,
    and no agencies. In a folder with data business time goes on where it stood; it never runs backwards.
    """
    _known(jurisdiction, JURISDICTIONS)
    with mending():
        start = start_in(var, clock)
        options = ["--var", str(var), "--clock", start.clock, "--jurisdiction", jurisdiction]
        argv = [sys.executable, "-m", "deploy.up", *options, *(["--bare"] if bare else [])]
        start_in_background(var, argv)
        endpoints = read_endpoints(var)
    if start.said:
        err.print(start.said, markup=False, highlight=False)
    say(endpoints, as_json, "\n".join(f"{name:<12}{address}" for name, address in endpoints.items()))


@app.command()
def demo(
    loans: Annotated[int, typer.Option(help="How many of the 10,000 real loans.")] = 2000,
    days: Annotated[int, typer.Option(help="How many days the bank plays; without --exit it goes on after them.")] = 60,
    seed: Annotated[int, typer.Option(help="Same seed: same portfolio, same hidden behaviour.")] = 1,
    speed: Annotated[float, typer.Option(help="True seconds that a day takes.")] = 4.8,
    clock: Annotated[str, typer.Option(help="Instead of --speed: how many times as fast, like 21600.")] = "",
    leave: Annotated[bool, typer.Option("--exit", help="End after the last day; 1 if something is wrong.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the summary to this file.")] = None,
    jurisdiction: Annotated[str, typer.Option(help="CN, or US to keep the loans' own states.")] = "CN",
    var: Annotated[Path | None, typer.Option(help="Folder of the demo's own (default: var/demo).")] = None,
) -> None:
    """Play real loans, and say whether everything balances."""
    from deploy.demo import DEFAULT_FOLDER, Options, run_demo

    _known(jurisdiction, PLAYED)
    if not 1 <= loans <= LOANS_MAX or days < 1 or speed <= 0:
        fail(f"The demo plays 1 to {LOANS_MAX} loans for at least one day, at a speed above zero.", MISUSE)
    with mending():
        speed = 86_400 / factor_of(clock) if clock else speed
    options = Options(
        loans=loans,
        days=days,
        seed=seed,
        speed=speed,
        exit=leave,
        json_file=json_file,
        jurisdiction="US" if jurisdiction == "US" else "CN",
        var=var or DEFAULT_FOLDER,
    )
    with mending():
        raise typer.Exit(run_demo(options))


def _known(jurisdiction: str, known: tuple[str, ...]) -> None:
    if jurisdiction not in known:
        fail(f"--jurisdiction {jurisdiction}: choose from {', '.join(known)}. It says whose law holds.", MISUSE)


@app.command()
def down(var: Var = DEFAULT_VAR, as_json: Json = False) -> None:
    """Stop everything that `up` started."""
    with mending():
        stopped = stop_in_background(var)
    say({"stopped": stopped}, as_json, "Stopped." if stopped else f"Nothing was running in {var}.")


@app.command()
def status(var: Var = DEFAULT_VAR, as_json: Json = False) -> None:
    """Show how each process is, and what a person has to decide.

    Since when, how often restarted, where it is reached; and what time it is in the business.
    """
    state = read_state(var) if holder(var) else None
    if state is None:
        fail(nothing_runs(var), NOT_RUNNING)
    health, mark = {name: told(one) for name, one in state.processes.items()}, read_mark(var)
    if as_json:
        document = asdict(state) | ({"business_time": mark.now().isoformat(timespec="seconds")} if mark else {})
        for name, one in health.items():
            document["processes"][name] |= {"state": one.word, "says": list(one.sentences)}
        return say(document, True, "")
    table = Table("process", "state", "pid", "restarts", "since", "endpoint")
    for name, process in state.processes.items():
        since, where = process.since, process.endpoint
        table.add_row(name, health[name].word, str(process.pid or ""), str(process.restarts), since, where)
    out.print(table)
    for name, one in health.items():
        for sentence in one.sentences:
            out.print(f"{name} is {one.word}: {sentence}", markup=False)
    if mark:
        out.print(f"Business time is {mark.now():%Y-%m-%d %H:%M} UTC.", highlight=False)


@app.command("publish")
def publish_file(
    file: File,
    skip_invalid: bool = False,
    rejects: Path | None = None,
    var: Var = DEFAULT_VAR,
    bootstrap: Bootstrap = "",
    as_json: Json = False,
) -> None:
    """Publish a file of events. All are checked first; if any is bad nothing is published.

    --skip-invalid publishes the good ones and writes the others to --rejects (default: FILE.rejects).
    """
    sheet = read_file(file)
    if sheet.bad and not skip_invalid:
        report({file: sheet}, as_json, published=0)
        raise typer.Exit(NO)
    rejected = rejects or Path(f"{'stdin' if str(file) == '-' else file}.rejects")
    with mending():
        if sheet.bad:
            write_rejects(sheet, rejected)
        count = _publish(sheet, bootstrap or read_endpoints(var)["kafka"])
    document = {"published": count, "rejected": len(sheet.bad), "rejects": str(rejected) if sheet.bad else None}
    tail = f" {len(sheet.bad)} rejected, kept in {rejected}." if sheet.bad else ""
    say(document, as_json, f"{count} event{'' if count == 1 else 's'} published.{tail}")


def _publish(sheet: Sheet, bootstrap: str) -> int:
    columns = (TextColumn("publishing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("", total=len(sheet.good))
        events = ((c.event, c.text.encode()) for c in sheet.good if c.event)
        return publish(events, bootstrap, lambda: progress.advance(task))


@app.command()
def topics(var: Var = DEFAULT_VAR, bootstrap: Bootstrap = "", create: bool = False, as_json: Json = False) -> None:
    """Show each topic; --create makes those that are missing.

    Who says it, who reads it, its key, partitions and records.
    """
    from deploy.local.topics import create_topics, topic_states

    with mending():
        broker = bootstrap or read_endpoints(var)["kafka"]
        if create:
            create_topics(broker)
        states = topic_states(broker)
    if as_json:
        return say([state.as_json() for state in states], True, "")
    table = Table("topic", "said by", "read by", "key", "kept", "partitions", "records")
    for s in states:
        table.add_row(
            s.name, s.owner, " ".join(s.readers), s.key, s.cleanup, str(s.partitions or "missing"), str(s.records)
        )
    return out.print(table)


@app.command("trace")
def trace_id(id_: Annotated[str, typer.Argument(metavar="ID")], var: Var = DEFAULT_VAR, as_json: Json = False) -> None:
    """Show one timeline of whatever has an id, over everything.

    A loan, borrower, case, visit, notice or event, over all topics and tables.
    """
    with mending():
        line = trace(read_endpoints(var)["database"], id_)
    if as_json:
        return say(line.as_json(), True, "")
    table = Table("when", "what", "about", "where", "event", title=f"{id_} ({', '.join(line.borrowers)})")
    for moment in (*line.moments, *line.open):
        when = moment.at.isoformat(" ", "seconds") if moment.at else ""
        table.add_row(when, moment.what, moment.words, moment.where, moment.event_id)
    return out.print(table)


@app.command()
def messages(
    about: Annotated[str, typer.Argument(help="Only those that hold this: a number, an address, a word.")] = "",
    most: Annotated[int, typer.Option(min=1, help="At most so many, the latest.")] = 20,
    var: Var = DEFAULT_VAR,
    as_json: Json = False,
) -> None:
    """Show SMS and e-mails that arrived, with their links, and what calls said.

    They are what the simulated carriers put into borrowers' hands; the links are signed. Exit 1 if there is none.
    """
    from deploy.local.messages import read_messages

    with mending():
        read_endpoints(var)
    found = read_messages(running_var(var) / "print", about, most)
    text = "\n\n".join(f"{one['at']} {one['channel']} to {one['to']}\n{one['text'].strip()}" for one in found)
    say(found, as_json, text or "No such message yet.")
    raise typer.Exit(0 if found else NO)


app.command("forget")(forget)
app.command("kafka", context_settings={"ignore_unknown_options": True})(run_tool)
app.add_typer(contract, name="contract")
app.add_typer(dlq, name="dlq")
app.add_typer(rules, name="rules")
app.add_typer(positions, name="positions")


def main() -> None:
    """Run the command line; a reader that goes away (`| head`) is no error."""
    try:
        app()
    finally:
        with unheard():
            sys.stdout.flush()


if __name__ == "__main__":
    main()
