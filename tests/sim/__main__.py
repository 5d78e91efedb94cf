"""`python -m tests.sim`: many stories of all four services under faults; exit status 1 when a promise was broken."""

import json
from pathlib import Path
from typing import Annotated

import typer

from tests.sim.run import SHRUNK_MAX, Summary, Unsteady, played, quiet, shrunk, stage
from tests.sim.story import Step, told

PROGRESS_SECONDS = 15.0


def main(  # noqa: PLR0917 - each is an option
    first_seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 200,
    events: Annotated[int, typer.Option(min=1, help="Distinct facts that each story goes on to.")] = 200,
    processes: Annotated[int, typer.Option(min=1, help="Processes to play in.")] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the summary here.")] = None,
    replay: Annotated[int | None, typer.Option(help="Play this seed alone, and tell its story.")] = None,
) -> None:
    """Simulate all four services with seeded faults."""
    try:
        if replay is not None:
            summary = _replayed(replay, events)
        else:
            summary = played(first_seed, seeds, events, processes, _Progress())
            summary.shrunk = list(shrunk(summary.failed[:SHRUNK_MAX], events))
    except Unsteady as unsteady:
        typer.echo(str(unsteady), err=True)
        raise typer.Exit(2) from None
    _tell(summary)
    if json_file:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(summary.document(), indent=2) + "\n", encoding="utf-8")
    raise typer.Exit(1 if summary.failures else 0)


def _replayed(seed: int, events: int) -> Summary:
    story = told(seed, events)
    with quiet():
        result = stage().play(story)
    for part in sorted(story.lived(result.days), key=lambda part: part.at if isinstance(part, Step) else part.begins):
        typer.echo(f"  {part}")
    for violation in result.violations:
        typer.echo(f"  {violation}")
    summary = Summary(seed)
    summary.add(result)
    summary.seconds, summary.trace = result.seconds, result.trace
    summary.shrunk = list(shrunk([result] if result.violations else [], events))
    return summary


class _Progress:
    """A line from time to time."""

    def __init__(self) -> None:
        self._next = PROGRESS_SECONDS

    def __call__(self, summary: Summary) -> None:
        if summary.seconds >= self._next:
            self._next = summary.seconds + PROGRESS_SECONDS
            typer.echo(f"{summary.seeds} seeds, {summary.failures} failed, {summary.seconds:.0f} s", err=True)


def _tell(summary: Summary) -> None:
    rate = summary.seeds / summary.seconds if summary.seconds else 0.0
    typer.echo(
        f"{summary.seeds} seeds from {summary.first_seed}, {summary.events} facts (at least {summary.events_min} each),"
        f" {summary.deliveries} records read, {summary.days} days lived"
    )
    each = 1000 * summary.processor / summary.seeds
    typer.echo(f"{summary.seconds:.1f} s, {rate:.1f} seeds a second, {each:.1f} ms of processor each")
    typer.echo("faults: " + ", ".join(f"{kind} {count}" for kind, count in sorted(summary.faults.items())))
    typer.echo(f"types said: {len(summary.types)}, never: {', '.join(summary.unsaid)}")
    typer.echo(f"trace {summary.trace}, {summary.failures} seeds failed")
    for failed in summary.failed:
        typer.echo(f"  seed {failed.seed}: {failed.violations[0]}")
    for story in summary.shrunk:
        typer.echo("\n".join(story.lines()))


if __name__ == "__main__":
    typer.run(main)
