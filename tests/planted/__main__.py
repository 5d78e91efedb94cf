"""`python -m tests.planted`: plant each bug in a copy of the checkout and see who catches it; status 1 if none does.

Each bug is shown to its own tests and to the simulation; the first one that fails has caught it. Before that, the same
tests must be green without any bug, or what they say would mean nothing.
"""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.planted.catalogue import CHECKOUT, Bug, bugs

SECONDS_MAX = 400
_GREEN, _FAILED, _BROKEN = 0, 1, 2
out = Console()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who caught a bug, and how long it took."""

    bug: str
    rule: str
    caught_by: str
    seconds: float


def main(
    only: Annotated[str, typer.Option(help="Only bugs whose name holds this.")] = "",
    seeds: Annotated[int, typer.Option(help="Seeds of the simulation that each bug must face; 0 leaves it out.")] = 40,
    tree: Annotated[Path, typer.Option(help="Where the copy of the checkout goes.")] = CHECKOUT / "var" / "planted",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the table here.")] = None,
) -> None:
    """Plant each bug and see who catches it."""
    chosen = [bug for bug in bugs() if only in bug.name]
    copied(tree)
    if red := [tests for tests in sorted({bug.tests for bug in chosen}) if asked(tree, tests) != _GREEN]:
        out.print(f"Not green without any bug: {red}. Mend that first.")
        raise typer.Exit(2)
    verdicts = [tried(bug, tree, seeds) for bug in chosen]
    told(verdicts)
    if json_file:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps([asdict(v) for v in verdicts], indent=2) + "\n", encoding="utf-8")
    raise typer.Exit(1 if any(not verdict.caught_by for verdict in verdicts) else 0)


def copied(tree: Path) -> None:
    """A copy of all that git knows of in this checkout, as it stands there at this moment."""
    shutil.rmtree(tree, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (CHECKOUT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, tree / name)


def tried(bug: Bug, tree: Path, seeds: int) -> Verdict:
    """Plant a bug, ask, and take it out again."""
    began, before = time.monotonic(), bug.plant(tree)
    try:
        by = caught(bug, tree, seeds)
    finally:
        for path, text in before.items():
            path.write_text(text, encoding="utf-8")
    verdict = Verdict(bug.name, bug.rule, by, round(time.monotonic() - began, 1))
    out.print(f"{verdict.caught_by or '[red]MISSED[/red]':<10} {verdict.seconds:6.1f} s  {bug.name}", highlight=False)
    return verdict


def caught(bug: Bug, tree: Path, seeds: int) -> str:
    """Who sees the bug: its tests, the simulation, both, or nobody."""
    by = ["tests"] if asked(tree, bug.tests) in (_FAILED, _BROKEN) else []
    if seeds and simulated(tree, seeds) == _FAILED:
        by.append("sim")
    return "+".join(by)


def asked(tree: Path, tests: tuple[str, ...]) -> int:
    """Run tests in the copy; answer pytest's status."""
    return _run(tree, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests)


def simulated(tree: Path, seeds: int) -> int:
    """Run the simulation in the copy; answer its status."""
    return _run(tree, "-m", "tests.sim", "--seeds", str(seeds))


def _run(tree: Path, *arguments: str) -> int:
    quiet = subprocess.DEVNULL
    try:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tree, stdout=quiet, stderr=quiet, timeout=SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        return _FAILED  # standing still is a way of failing
    return done.returncode


def told(verdicts: list[Verdict]) -> None:
    """The table."""
    table = Table("planted bug", "breaks", "caught by", "s")
    for verdict in verdicts:
        table.add_row(verdict.bug, verdict.rule, verdict.caught_by or "nobody", str(verdict.seconds))
    out.print(table)
    missed = sum(not verdict.caught_by for verdict in verdicts)
    out.print(f"{len(verdicts) - missed} of {len(verdicts)} planted bugs were caught.")


if __name__ == "__main__":
    typer.run(main)
