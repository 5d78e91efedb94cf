"""`arrears rules`: check packs and strategies, explain and re-run decisions, compare versions, put one in force."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import psycopg
import typer
from psycopg.rows import dict_row
from rich.table import Table

from deploy.limitation import clocks, told
from deploy.local.errors import StackError
from deploy.local.stack import DEFAULT_VAR
from deploy.publish import publish
from deploy.said import MISUSE, NO, Commands, Json, Var, because, err, fail, mending, out, say
from deploy.trace import NothingFound
from deploy.up import business_now, read_endpoints
from schemas.control import RulebookActivated
from schemas.envelope import Event
from services.rulebook.catalogue import table
from services.rulebook.check import check as check_file
from services.rulebook.check import jurisdiction_of
from services.rulebook.packs import Rulebook, load_rulebook
from services.rulebook.reading import BadPack
from services.rulebook.review import Recorded, compare, differences
from services.rulebook.sentence import sentences
from services.rulebook.shape import Misshapen
from services.rulebook.shelf import Activation, Shelf, load_rulebooks
from services.rulebook.strategy import load_strategy

app = typer.Typer(cls=Commands, no_args_is_help=True, help="Rule books: check, explain, compare, re-run, activate.")
More = Annotated[
    Path | None, typer.Option(help="Folder of the house's own packs and calendars.", envvar="ARREARS_RULEBOOK_DIR")
]
Which = Annotated[str, typer.Argument(help="A version, like CN-2, or the file of a pack.")]
SHOWN = 20

_ONE = "SELECT * FROM notifier.decisions WHERE decision_id = %(id)s OR contact_id = %(id)s ORDER BY decided_at"
_ACTIVATED = "SELECT * FROM notifier.rulebooks ORDER BY effective_from, target"
_ALL = "SELECT * FROM notifier.decisions ORDER BY decided_at, decision_id"


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Packs, strategies, calendars.")],
    as_json: Json = False,
) -> None:
    """Say what each pack, strategy or calendar is, and line by line what is wrong with it. Exit 1 if anything is."""
    own = {jurisdiction_of(file) for file in files} - {""}
    found = {file: check_file(file, own) for file in files}
    problems = [problem for one in found.values() for problem in one.problems]
    warnings = [warning for one in found.values() for warning in one.warnings]
    told = [*problems, *(f"Warning: {warning}" for warning in warnings)]
    if not problems:
        told += [*(f"{file.name}: {one.what}" for file, one in found.items()), f"{len(files)} in order."]
    document = {"ok": not problems, "problems": problems, "warnings": warnings}
    say(document | {"files": {str(file): one.what for file, one in found.items()}}, as_json, "\n".join(told))
    raise typer.Exit(NO if problems else 0)


@app.command("list")
def list_command(var: Var = DEFAULT_VAR, more: More = None, as_json: Json = False) -> None:
    """Show every version of every rule book, which the house begins with, and what ops have activated since."""
    shelf, ordered = _shelf(more), _ordered(var)
    rows = [
        {"label": book.label, "country": book.country, "rules": len(book.rules), "begins": _begins(shelf, book)}
        for book in shelf.versions()
    ]
    if as_json:
        return say({"rulebooks": rows, "activated": ordered}, True, "")
    shown = Table("rule book", "country", "rules", "the house begins with it")
    for row in rows:
        shown.add_row(str(row["label"]), str(row["country"]), str(row["rules"]), "yes" if row["begins"] else "")
    out.print(shown)
    for one in ordered:
        said = f"{one['target']} {one['version']} from {one['effective_from'].isoformat()}: {one['reason']}"
        say(None, False, f"Activated by {one['said_by']}: {said}")
    return None


def _ordered(var: Path) -> list[dict[str, Any]]:
    """What ops have activated in the running system, in the order of its instants; nothing where none runs."""
    try:
        with _rows(var, _ACTIVATED) as rows:
            return list(rows)
    except StackError:
        return []


def _begins(shelf: Shelf, book: Rulebook) -> bool:
    return shelf.base[book.country] == book.version


@app.command("table")
def table_command() -> None:
    """Print the page that says where each rule of the reference is held (docs/reference/rules.md)."""
    say(None, False, table(_shelf(None)).rstrip("\n"))


@app.command()
def explain(
    decision: Annotated[str, typer.Argument(metavar="DECISION_ID", help="Id of a decision or of a contact.")],
    language: Annotated[str, typer.Option(help="zh, en, or both.")] = "both",
    var: Var = DEFAULT_VAR,
    more: More = None,
    as_json: Json = False,
) -> None:
    """Say in sentences that can be read to the borrower what was decided and why."""
    if language not in ("zh", "en", "both"):
        fail(f"--language {language}: choose zh, en or both.", MISUSE)
    shelf = _shelf(more)
    with mending(), _rows(var, _ONE, {"id": decision}) as rows:
        found = [Recorded.of(row) for row in rows]
        if not found:
            raise NothingFound(f"No decision {decision!r}. `arrears trace` shows the decisions of a borrower.")
    documents = [{"decision_id": one.decision_id, **_told(one, shelf, language)} for one in found]
    text = "\n\n".join("\n".join([d["decision_id"], *d.get("zh", ()), *d.get("en", ())]) for d in documents)
    say(documents, as_json, text)


def _told(one: Recorded, shelf: Shelf, language: str) -> dict[str, Any]:
    book = shelf.labelled(one.rulebook)
    both: tuple[Literal["zh", "en"], ...] = ("zh", "en")
    return {each: sentences(one, book, each) for each in both if language in (each, "both")}


@app.command()
def replay(var: Var = DEFAULT_VAR, more: More = None, as_json: Json = False) -> None:
    """Make every recorded decision again under its own version. Exit 1 if any comes out otherwise."""
    shelf, count, versions, wrong = _shelf(more), 0, Counter[str](), []
    with mending(), _rows(var, _ALL) as rows:
        for row in rows:
            recorded = Recorded.of(row)
            count, versions = count + 1, versions + Counter({recorded.rulebook: 1})
            if found := differences(recorded, shelf):
                wrong.append({"decision_id": recorded.decision_id, "differences": found})
    lines = [f"{one['decision_id']}: {'; '.join(one['differences'])}" for one in wrong[:SHOWN]]
    text = "\n".join([*lines, f"{count} decisions made again, {len(wrong)} otherwise ({_counted(versions)})."])
    say({"decisions": count, "otherwise": len(wrong), "by_rulebook": versions, "wrong": wrong}, as_json, text)
    raise typer.Exit(NO if wrong else 0)


@app.command()
def diff(before: Which, after: Which, var: Var = DEFAULT_VAR, more: More = None, as_json: Json = False) -> None:
    """Say what AFTER would have decided otherwise than BEFORE over all recorded proposals."""
    shelf = _shelf(more)
    one, other = _book(before, shelf), _book(after, shelf)
    changes, added, removed = Counter[str](), Counter[str](), Counter[str]()
    examples = list[dict[str, Any]]()
    with mending(), _rows(var, _ALL) as rows:
        for row in rows:
            found = _compared(Recorded.of(row), one, other)
            if found is None:
                continue
            changes[found.change] += 1
            if found.change != "same":
                added.update(found.added)
                removed.update(found.removed)
                examples.append({name: getattr(found, name) for name in ("decision_id", "change", "added", "removed")})
    document = {"before": one.label, "after": other.label, "changes": changes}
    reasons = {"reasons_added": added, "reasons_removed": removed}
    total = f"{one.label} → {other.label}: {_counted(changes) or 'no recorded proposals'}."
    lines = [*(_changed(e) for e in examples[:SHOWN]), total, _named("added", added), _named("removed", removed)]
    say(document | reasons | {"examples": examples}, as_json, "\n".join(lines))


def _changed(example: dict[str, Any]) -> str:
    """One decision with the reasons that come and go."""
    ids = [*(f"+{id_}" for id_ in example["added"]), *(f"-{id_}" for id_ in example["removed"])]
    return f"{example['decision_id']}: {' '.join([example['change'], *ids])}"


def _named(what: str, rules: Counter[str]) -> str:
    return f"Reasons {what}: {_counted(rules)}." if rules else f"No reason is {what}."


def _compared(recorded: Recorded, one: Rulebook, other: Rulebook) -> Any:
    try:
        return compare(recorded, one, other)
    except Misshapen as error:
        raise StackError(f"{recorded.decision_id}: what it rested on cannot be read: {error}") from None


@app.command()
def activate(
    target: Annotated[str, typer.Argument(metavar="JURISDICTION", help="Like CN.")],
    version: Annotated[str, typer.Argument(help="Like 2; `arrears rules list` shows them.")],
    reason: Annotated[str, typer.Option(help="Why; recorded.")],
    at: Annotated[str, typer.Option(help="From which instant on, with its offset, like 2026-12-01T00:00:00+08:00.")],
    by: Annotated[str, typer.Option(help="Who says so; recorded.")] = "ops",
    yes: Annotated[bool, typer.Option("--yes", help="Yes, from an instant that has passed.")] = False,
    var: Var = DEFAULT_VAR,
    more: More = None,
    as_json: Json = False,
) -> None:
    """Put a version in force from an exact instant, in every service. A warning is given where it is an older one."""
    effective_from, book, now = _instant(at), _book(f"{target}-{version}", _shelf(more)), business_now(var)
    if effective_from < now and not yes:
        fail(_PASSED.format(at, now), MISUSE)
    fact = RulebookActivated(
        target=book.jurisdiction, version=book.version, effective_from=effective_from, reason=because(reason), by=by
    )
    if older := _older(book, _in_force(book, effective_from, _shelf(more), var)):
        err.print(older, markup=False, highlight=False)
    with mending():
        event_id = _activated(fact, read_endpoints(var)["kafka"])
    document = {"event_id": event_id, "rulebook": book.label, "effective_from": effective_from}
    say(document, as_json, f"{book.label} is in force from {effective_from.isoformat()} on.")


_PASSED = (
    "--at {0} has passed (business time is {1:%Y-%m-%d %H:%M} UTC): what was decided since was decided under another"
    " version, and what is open is decided anew under this one. Say --yes if that is meant."
)
_OLDER = (
    "Warning: {0} is older than {1}, which it replaces: what has been added to the rules since does not hold any more."
    " `arrears rules diff {1} {0}` shows what that changes."
)


def _older(book: Rulebook, replaced: Rulebook | None) -> str:
    if replaced is None or _number(book) >= _number(replaced):
        return ""
    return _OLDER.format(*(f"{one.jurisdiction}-{one.version}" for one in (book, replaced)))


def _number(book: Rulebook) -> float:
    """Versions count up; one that begins with no number is never older than another."""
    found = re.match(r"\d+", book.version)
    return int(found[0]) if found else math.inf


def _in_force(book: Rulebook, at: datetime, shelf: Shelf, var: Path) -> Rulebook | None:
    ordered = (Activation(one["target"], one["version"], one["effective_from"]) for one in _ordered(var))
    return shelf.activated(tuple(ordered)).in_force(book.country, at)


def _activated(fact: RulebookActivated, bootstrap: str) -> str:
    """Publish it; the id tells two sayings of the same apart, for the later one counts."""
    said = datetime.now(UTC)
    event_id = f"rulebook-{fact.target}-{fact.version}-{said:%Y%m%dT%H%M%S%f}"
    event = Event.saying(fact, id=event_id, source="/ops/rules", time=said)
    publish([(event, event.model_dump_json(exclude_none=True).encode())], bootstrap, lambda: None)
    return event_id


@app.command("limitation")
def limitation_command(
    borrower: Annotated[str, typer.Argument(metavar="BORROWER_ID")],
    years: Annotated[int, typer.Option(help="Length of the period; default: the strategy's.")] = 0,
    var: Var = DEFAULT_VAR,
    as_json: Json = False,
) -> None:
    """Say until when each loan's claim can be enforced, and which proved notice or word began the period anew."""
    with mending():
        found = clocks(read_endpoints(var)["database"], borrower, years or load_strategy().legal.limitation_years)
    text = "\n".join(line for clock in found for line in told(clock)) or "No loan was ever past due."
    say([asdict(clock) for clock in found], as_json, text)


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        fail(f"--at {text}: an instant with its offset, like 2026-12-01T00:00:00+08:00.", MISUSE)
    return at


def _shelf(more: Path | None) -> Shelf:
    try:
        return load_rulebooks(more)
    except BadPack as error:
        fail(str(error), MISUSE)


def _book(name: str, shelf: Shelf) -> Rulebook:
    """A version by name (CN-2), or the pack of a file."""
    try:
        if name.endswith(".toml"):
            return load_rulebook(Path(name))
    except BadPack as error:
        fail(str(error), MISUSE)
    known = {f"{book.jurisdiction}-{book.version}": book for book in shelf.versions()}
    if name.upper() not in known:
        fail(f"{name!r} is not one of {', '.join(sorted(known))}, nor a file.", MISUSE)
    return known[name.upper()]


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {what}" for what, number in counts.most_common())


@contextmanager
def _rows(var: Path, query: str, values: dict[str, Any] | None = None) -> Iterator[Iterable[dict[str, Any]]]:
    """Rows of notifier's ledger as they come, however many they are. Raises StackError."""
    try:
        with (
            psycopg.connect(read_endpoints(var)["database"], row_factory=dict_row) as db,
            db.cursor("decisions") as cursor,
        ):
            yield cursor.execute(query, values)
    except psycopg.OperationalError as error:
        raise StackError(f"The database does not answer: {error}. Is the system up (`arrears status`)?") from None
