"""`arrears demo`: the real system, playing real loans, and at the end the question whether everything balances."""

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from deploy.local.bank import FOLDER_SETTING, STATEMENT
from deploy.local.errors import StackError
from deploy.local.files import write_whole
from deploy.local.portfolio import SETTING, Jurisdiction, World
from deploy.local.stack import CHECKOUT, LocalStack, ending_on_signals, held, running_stack
from deploy.local.system import Endpoints, Plan, start_system
from deploy.local.watching import Summary, backlog, fetch_summary, read_statement
from deploy.up import write_endpoints

DEFAULT_FOLDER = CHECKOUT / "var" / "demo"
DAY_SECONDS = 86_400
INTERRUPTED = 130
# How long services and bank take to start, measured in what broker and database have just taken on this machine.
WARM_UP_SECONDS_MIN, WARM_UP_SHARE = 10.0, 2.5
QUIET_SECONDS_MAX, SETTLE_SECONDS_MAX = 20, 20
LOOK_SECONDS, QUIET_LOOK_SECONDS, SUMMARY_SECONDS, PLAIN_SECONDS = 1.0, 0.3, 5.0, 10.0
NOUNS = ("cases", "notices", "placements", "visits", "promises", "money")
KEYS = ("published", "said", *NOUNS, "laws", "wrongful_contacts", "dead_letters", "latency_seconds")
Statement = Mapping[str, Any]
_DATA = ("kafka", "postgres", "print", "bank", "data", "log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `arrears demo` was asked for. `speed`: true seconds that a day takes. `var`: a folder of the demo's own."""

    loans: int = 2000
    days: int = 60
    seed: int = 1
    speed: float = 4.8
    exit: bool = False
    json_file: Path | None = None
    jurisdiction: Jurisdiction = "CN"
    var: Path = DEFAULT_FOLDER
    console: Console = field(default_factory=Console)


def run_demo(options: Options) -> int:
    """Run the demo; return 0, or 1 where something is wrong at the end (`verdict`), or 130 when interrupted before.

    Without `exit` it goes on until Ctrl-C. The data of an earlier demo in the same folder are removed first. Raises
    StackError.
    """
    began = time.monotonic()
    world = _world(options)
    wipe(options.var)
    status = INTERRUPTED if options.exit else 0
    with ending_on_signals(), running_stack(options.var) as stack:
        origin, endpoints = _start(stack, world, options, time.monotonic() - began)
        announce(options, endpoints)
        statement = _play(stack, endpoints, options, origin)
        summary = _sum_up(world, endpoints, statement, time.monotonic() - began)
        status = _tell(summary, statement, options)
    options.console.print("Stopped.")
    return status


def _world(options: Options) -> World:
    world = World(
        loans=options.loans,
        days=options.days,
        seed=options.seed,
        jurisdiction=options.jurisdiction,
        endless=not options.exit,
    )
    if not 1 <= options.loans <= 10_000 or options.days < 1 or options.speed <= 0:
        raise StackError("The demo plays 1 to 10000 loans for at least one day, at a speed above zero.")
    return world


def wipe(var: Path) -> None:
    """Remove the data of an earlier demo; ports and passwords stay. Raises AlreadyRunning where one is running."""
    with held(var.resolve()):
        for name in _DATA:
            shutil.rmtree(var / name, ignore_errors=True)


def _start(stack: LocalStack, world: World, options: Options, stack_seconds: float) -> tuple[datetime, Endpoints]:
    """Start everything; the first day begins at the true instant that is returned."""
    warm_up = max(WARM_UP_SECONDS_MIN, WARM_UP_SHARE * stack_seconds)
    origin = datetime.now(UTC) + timedelta(seconds=warm_up)
    environment = {SETTING: world.setting(), FOLDER_SETTING: str(stack.var / "bank"), "ARREARS_LOG_LEVEL": "warning"}
    plan = Plan(
        clock=f"scaled|{world.start.isoformat()}|{origin.isoformat()}|{DAY_SECONDS / options.speed}",
        jurisdiction=world.jurisdiction,
        seed=world.seed,
        bank=True,
        environment=environment,
    )
    endpoints = start_system(stack, plan)
    write_endpoints(stack.var, endpoints)
    stack.supervisor.declare_ready()
    return origin, endpoints


def announce(options: Options, endpoints: Endpoints) -> None:
    """Say where everything is, and how the demo ends."""
    console = options.console
    for name, address in endpoints.as_json().items():
        console.print(
            f"{name:<12}{address}", soft_wrap=True, highlight=False, style="bold" if name == "console" else ""
        )
    ends = "then ends with a summary." if options.exit else "then goes on until Ctrl-C. (--exit: ends with a summary.)"
    console.print(f"Plays {options.days} days, {options.speed:g} s each, {ends}", highlight=False, soft_wrap=True)


def _play(stack: LocalStack, endpoints: Endpoints, options: Options, origin: datetime) -> Statement:
    """Watch until the bank has played its last day, and what it said has arrived everywhere; return its figures."""
    file, seen, asked = stack.var / "bank" / STATEMENT, None, 0.0
    with _showing(options.console) as show:
        while not ((statement := read_statement(file)) and statement["over"]):
            time.sleep(LOOK_SECONDS)
            if time.monotonic() - asked > SUMMARY_SECONDS:
                seen, asked = fetch_summary(endpoints.console) or seen, time.monotonic()
            show(before_the_first_day(origin) or _progress(statement, seen, options.days))
        show("The last day is over. Waiting until everything that was said has arrived ...")
        _wait_for_quiet(stack, endpoints)
    return read_statement(file) or statement


@contextmanager
def _showing(console: Console) -> Iterator[Callable[[str], None]]:
    """One line that is kept up to date; where no terminal is, a line from time to time."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=2, transient=True) as live:
            yield live.update
        return
    shown = 0.0

    def show(line: str) -> None:
        nonlocal shown
        if time.monotonic() - shown > PLAIN_SECONDS:
            console.print(line, highlight=False, soft_wrap=True)
            shown = time.monotonic()

    yield show


def before_the_first_day(origin: datetime) -> str:
    """Until the clock of the simulation starts, nothing happens, and people should know why."""
    seconds = (origin - datetime.now(UTC)).total_seconds()
    return (
        f"All is up. The first day begins in {seconds:.0f} s; loans fall overdue from its morning on."
        if seconds > 0
        else ""
    )


def _progress(statement: Statement | None, seen: Summary | None, days: int) -> str:
    if statement is None or seen is None:
        return "The bank opens its books ..."
    cases, visits = seen["cases"], seen["visits"]
    still = cases.get("open", 0)
    made = sum(count for word, count in visits.items() if word not in ("open", "cancelled", "aborted"))
    alarms = seen["said"].get("alarm.raised.v1", 0) - seen["said"].get("alarm.cleared.v1", 0)
    return " · ".join(
        (
            f"day {statement['day']}/{days}" if statement["day"] < days else _past(statement["day"]),
            f"{statement['overdue']} loans overdue",
            f"cases {still} open {sum(cases.values()) - still} closed",
            f"notices {sum(seen['notices'].values())}",
            f"visits {made}",
            f"paid {seen['money']['paid']}",
            f"wrongful contacts {seen['wrongful_contacts']}",
            f"alarms {alarms}",
        )
    )


def _past(day: int) -> str:
    """Without --exit there is no last day."""
    return f"day {day}, and on until Ctrl-C (--exit ends after the last day with a summary)"


def _wait_for_quiet(stack: LocalStack, endpoints: Endpoints) -> None:
    """The clock goes on and so do the services; quiet is a moment at which nothing is on its way.

    Waits for as long as the backlog shrinks.
    """
    least, deadline = sys.maxsize, time.monotonic() + QUIET_SECONDS_MAX
    while time.monotonic() < deadline:
        found = backlog(stack.bootstrap, endpoints.database)
        if found is not None and found.total == 0:
            return
        if found is not None and found.total < least:
            least, deadline = found.total, time.monotonic() + QUIET_SECONDS_MAX
        time.sleep(QUIET_LOOK_SECONDS)


def _sum_up(world: World, endpoints: Endpoints, statement: Statement, wall_seconds: float) -> dict[str, Any]:
    """The summary under exactly the keys that it has. Laws get a little time to settle."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while True:
        found = fetch_summary(endpoints.console, strict=time.monotonic() < deadline - SETTLE_SECONDS_MAX / 2)
        settled = found is not None and all(law["holds"] for law in found["laws"]) and balances(found, statement)
        if settled or time.monotonic() > deadline:
            break
        time.sleep(LOOK_SECONDS)
    if found is None:
        raise StackError(f"Reporting at {endpoints.console} does not answer. Look at its log.")
    own = {
        "loans": world.loans,
        "borrowers": statement["borrowers"],
        "days": world.days,
        "seed": world.seed,
        "wall_seconds": round(wall_seconds, 1),
    }
    return {**own, **{key: found[key] for key in KEYS}}


def balances(summary: Summary, statement: Statement) -> bool:
    """Whether what the collections know of the money is what the bank's own books say, to the cent."""
    money = summary["money"]
    paid = Decimal(statement["paid"]) - Decimal(statement["reversed"])
    return bool(paid == Decimal(money["paid"]) == Decimal(money["attributed"]) + Decimal(money["unattributed"]))


def verdict(summary: Summary, statement: Statement) -> list[str]:
    """Everything that is wrong, a sentence each."""
    wrong = [
        f"The law of {x['name']} is broken: {x['left']} ≠ {x['right']}." for x in summary["laws"] if not x["holds"]
    ]
    if summary["wrongful_contacts"]:
        wrong.append(f"{summary['wrongful_contacts']} contacts were made although they had been stopped.")
    if not balances(summary, statement):
        wrong.append(f"The bank counts {statement['paid']} paid and {statement['reversed']} taken back; "
                     f"the collections say {summary['money']}.")  # fmt: skip
    return wrong


def _tell(summary: Summary, statement: Statement, options: Options) -> int:
    if options.json_file:
        write_whole(options.json_file, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    console = options.console
    console.print(_outcomes(summary))
    wrong = verdict(summary, statement)
    for sentence in wrong:
        console.print(sentence, style="bold red")
    if not wrong:
        laws = len(summary["laws"])
        console.print(f"All {laws} laws hold, no contact was wrongful, the money balances to the cent.", style="green")
    return 1 if wrong else 0


def _outcomes(summary: Summary) -> Table:
    """How everything ended, one row a noun."""
    table = Table(title=f"{summary['loans']} loans, {summary['borrowers']} borrowers, {summary['days']} days, "
                        f"{summary['wall_seconds']:.0f} s", show_header=False)  # fmt: skip
    for noun in NOUNS:
        table.add_row(noun, " · ".join(f"{word} {count}" for word, count in summary[noun].items()))
    latency = summary["latency_seconds"]
    table.add_row("latency", " · ".join(quickness(name, one) for name, one in latency.items()))
    table.add_row("laws", " · ".join(f"{'✓' if x['holds'] else '✗'} {x['name']}" for x in summary["laws"]))
    table.add_row("wrongful contacts", str(summary["wrongful_contacts"]))
    table.add_row("dead letters", str(summary["dead_letters"]))
    return table


def quickness(name: str, latency: Mapping[str, float | None]) -> str:
    """How quickly something was known; nothing where nothing was measured."""
    if latency["p50"] is None:
        return f"{name} none measured"
    return f"{name} p50 {latency['p50']} s, p99 {latency['p99']} s"
