"""`arrears contract`: what producers must say, and whether they do."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.local.stack import DEFAULT_VAR
from deploy.publish import Sheet, read_sheet
from deploy.said import MISUSE, NO, Commands, Json, Var, fail, out, say
from deploy.up import business_now
from schemas.contract import check_line
from schemas.dated import NoSuchField, told_at, with_value
from schemas.freeze import EXAMPLES, event_schema
from schemas.language import KINDS

app = typer.Typer(cls=Commands, no_args_is_help=True, help="What producers must say, and whether they do.")
_EXAMPLE_HELP = "Only the example, on one line, with dates of today (of the running system): ready to be published."
Example = Annotated[bool, typer.Option("--example", help=_EXAMPLE_HELP)]
_SET_HELP = "Another value in the example's data, like amount=1652.53 or arrears_after.principal=0.00; may be repeated."
_FILE_HELP = "CloudEvents as JSON: one to a line, or printed over several, or an array; - reads standard input."
File = Annotated[Path, typer.Argument(help=_FILE_HELP)]
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help=_FILE_HELP)]


def read_file(file: Path) -> Sheet:
    """The events of a file, of which there must be one: a pipeline that broke before us must not look as if well."""
    standard = str(file) == "-"
    try:
        sheet = read_sheet((sys.stdin.buffer.read() if standard else file.read_bytes()).decode())
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}.", MISUSE)
    except UnicodeDecodeError as error:
        fail(f"{file} is not UTF-8: byte {error.start} cannot be read. Write the file as UTF-8 JSON lines.", MISUSE)
    if not sheet.good and not sheet.bad:
        fail(f"{'Standard input' if standard else file} holds no event.", NO)
    return sheet


def report(sheets: dict[Path, Sheet], as_json: bool, **more: object) -> None:
    """What is wrong, event by event; the file is named where there are several."""
    found = [(file, problem) for file, sheet in sheets.items() for problem in sheet.problems]
    lines = [f"{f'{file}: ' if len(sheets) > 1 else ''}line {p.line}: {p.field}: {p.what}" for file, p in found]
    bad = sum(len(sheet.bad) for sheet in sheets.values())
    document = {"ok": not bad, **more, "problems": [{"file": str(file), **asdict(p)} for file, p in found]}
    tail = f"{bad} bad event{'s' if bad > 1 else ''}." if bad else "Every event keeps the contract."
    say(document, as_json, "\n".join([*lines, tail]))


@app.command("check")
def check(files: Files, as_json: Json = False) -> None:
    """Say what is wrong in each FILE, event by event."""
    sheets = {file: read_file(file) for file in files}
    bad = any(sheet.bad for sheet in sheets.values())
    report(sheets, as_json, checked=sum(len(sheet.good) + len(sheet.bad) for sheet in sheets.values()))
    raise typer.Exit(NO if bad else 0)


@app.command("show")
def show(
    type_: Annotated[str, typer.Argument(metavar="TYPE")],
    example_only: Example = False,
    values: Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help=_SET_HELP)] = None,
    var: Var = DEFAULT_VAR,
) -> None:
    """Print an example and the JSON Schema of an event type."""
    kind = KINDS.get(type_)
    if kind is None:
        fail(f"{type_!r} is not an event type. `arrears contract list` shows them all.", MISUSE)
    document = json.loads((EXAMPLES / f"{type_}.json").read_text(encoding="utf-8"))
    if example_only or values:
        text = json.dumps(_example(document, values or [], var), ensure_ascii=False)
        return out.print(text, soft_wrap=True, markup=False, highlight=False)
    return say(
        {"topic": kind.TOPIC.name, "key": kind.TOPIC.key, "example": document, "schema": event_schema(kind)}, True, ""
    )


def _example(document: dict[str, Any], values: list[str], var: Path) -> dict[str, Any]:
    """The example as it would be said at this moment of the running system, or of true time where none runs."""
    event = told_at(document, business_now(var))
    for value in values:
        field, equals, text = value.partition("=")
        if not equals:
            fail(f"--set {value}: write FIELD=VALUE, like --set amount=1652.53", MISUSE)
        try:
            event = with_value(event, field, text)
        except NoSuchField as error:
            fail(f"--set {value}: {error}.", MISUSE)
    if problems := check_line(1, json.dumps(event)).problems:
        fail("; ".join(f"{problem.field}: {problem.what}" for problem in problems), MISUSE)
    return event


@app.command("list")
def list_types(as_json: Json = False) -> None:
    """List every event type with the topic it is said on."""
    rows = {name: kind.TOPIC.name for name, kind in sorted(KINDS.items())}
    say(rows, as_json, "\n".join(f"{name:<38}{topic}" for name, topic in rows.items()))
