"""Figures of this machine, taken on a broker and a database of their own: make bench ARGS="<command> …"."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from deploy.local.stack import LocalStack, ending_on_signals, running_stack
from tests.bench import contenders, day_end, latency, recovery, scale, step
from tests.bench.contenders import FOLDER

app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
INTERRUPTED = 130
ALL = ",".join(contender.name for contender in contenders.CONTENDERS)
PARTS = ",".join(("ours", *(contender.name for contender in contenders.PARTS)))


@contextmanager
def fresh_stack() -> Iterator[LocalStack]:
    """Broker and database without anything of an earlier run."""
    home = FOLDER / "stack"
    for name in ("kafka", "postgres", "data", "print", "log"):
        shutil.rmtree(home / name, ignore_errors=True)
    with running_stack(home) as stack:
        yield stack


@app.callback(invoke_without_command=True)
def listing(context: typer.Context) -> None:
    """Without a command: what there is."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _run(work: Callable[[LocalStack], int]) -> None:
    status = INTERRUPTED
    with ending_on_signals(), fresh_stack() as stack:
        status = work(stack)
    raise typer.Exit(status)


@app.command("step")
def step_command(  # noqa: PLR0917 (options are parameters here)
    only: Annotated[str, typer.Option(help="contenders, with commas")] = ALL,
    events: Annotated[int, typer.Option(help="facts on the topic")] = 1_000_000,
    loans: int = 50_000,
    warm: Annotated[float, typer.Option(help="seconds of each contender that do not count")] = 10.0,
    seconds: Annotated[float, typer.Option(help="seconds of each contender that count")] = 25.0,
    rounds: int = 1,
) -> None:
    """The same stateful job by everybody: CPU per event and events per second."""
    options = step.Options(only=_known(only), events=events, loans=loans, warm=warm, seconds=seconds, rounds=rounds)
    _run(lambda stack: step.run(stack, options))


def _known(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if unknown := set(names) - set(contenders.BY_NAME):
        raise typer.BadParameter(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(contenders.BY_NAME)}")
    return names


@app.command("parts")
def parts_command(events: int = 700_000, warm: float = 8.0, seconds: float = 15.0) -> None:
    """What stamps, parking, projections, timers and kept ids cost: ours with one part more or less."""
    options = step.Options(only=_known(PARTS), events=events, warm=warm, seconds=seconds, name="parts")
    _run(lambda stack: step.run(stack, options))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part.replace("_", "")) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no list of numbers with commas") from None


@app.command("day-end")
def day_end_command(
    sizes: Annotated[str, typer.Option(help="borrowers of each batch, with commas")] = "10000,100000",
    at: Annotated[
        str, typer.Option(help="local time at which the batch comes; by night nobody is contacted")
    ] = "01:00",
) -> None:
    """Overdue borrowers through all four services until quiet: events per second, CPU per event of each part."""
    options = day_end.Options(sizes=_numbers(sizes), at=at)
    _run(lambda stack: day_end.run(stack, options))


@app.command("latency")
def latency_command(rate: float = 200.0, seconds: float = 30.0, at: str = "10:00") -> None:
    """A steady stream: overdue to notice submitted, cure to recall published; p50, p99, max."""
    options = latency.Options(rate=rate, seconds=seconds, at=at)
    _run(lambda stack: latency.run(stack, options))


@app.command("recovery")
def recovery_command(rate: float = 50.0) -> None:
    """One of two workers killed, then everything: seconds to the first event."""
    options = recovery.Options(rate=rate)
    _run(lambda stack: recovery.run(stack, options))


@app.command("scale")
def scale_command(
    workers: Annotated[str, typer.Option(help="numbers of workers, with commas")] = "1,2,4",
    events: int = 1_000_000,
    warm: float = 15.0,
    seconds: float = 25.0,
) -> None:
    """The step by one, two and four workers: events per second, CPU per event."""
    options = scale.Options(workers=_numbers(workers), events=events, warm=warm, seconds=seconds)
    _run(lambda stack: scale.run(stack, options))


if __name__ == "__main__":
    app()
