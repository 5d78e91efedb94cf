"""How the command line speaks: options that commands share, answers, and errors that say what to do."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from kafka.errors import KafkaError
from rich.console import Console
from typer.core import TyperGroup

from deploy.local.errors import AlreadyRunning, Misused, StackError
from deploy.trace import NothingFound

PIPE_WIDTH = 200  # characters a line may have where no terminal says how wide it is


class _Out(Console):
    """What a reader does not wait for (`| head`) is not said, and that is no error."""

    def on_broken_pipe(self) -> None:
        """Go on without a reader."""
        _to_nobody()


class Commands(TyperGroup):
    """A list of commands in which no sentence is cut off."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command with the first sentence of its help, over several lines where it needs them."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, one.get_short_help_str(SENTENCE_MAX)) for name, one in commands if one and not one.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@contextmanager
def unheard() -> Iterator[None]:
    """Write in this block: a reader that has gone away is no error."""
    try:
        yield
    except BrokenPipeError:
        _to_nobody()


def _to_nobody() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


SENTENCE_MAX = 300
out = _Out(width=None if sys.stdout.isatty() else PIPE_WIDTH)
err = Console(stderr=True, soft_wrap=True)

Var = Annotated[Path, typer.Option(help="Folder of data, logs and state.", envvar="ARREARS_VAR")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
NO, MISUSE, NOT_RUNNING = 1, 2, 3


def say(document: object, as_json: bool, text: str) -> None:
    """Print the JSON document or the text."""
    whole = (json.dumps(document, indent=2, default=str, ensure_ascii=False) if as_json else text) + "\n"
    with unheard():
        sys.stdout.write(whole)
        sys.stdout.flush()


def fail(message: str, code: int) -> NoReturn:
    """Say one clear thing on standard error and end."""
    err.print(message, markup=False, highlight=False)
    raise typer.Exit(code)


def because(reason: str) -> str:
    """A reason that a person gave, without white space around it; a blank one ends the command."""
    if not reason.strip():
        fail("--reason is kept with the decision and read by whoever asks later: say why.", MISUSE)
    return reason.strip()


@contextmanager
def mending() -> Iterator[None]:
    """Turn what a user can put right into one message and an exit code."""
    try:
        yield
    except Misused as error:
        fail(str(error), MISUSE)
    except AlreadyRunning as error:
        fail(str(error), NO)
    except NothingFound as error:
        fail(str(error), NO)
    except StackError as error:
        fail(str(error), NOT_RUNNING)
    except KafkaError as error:
        fail(f"The broker cannot be reached: {error}. Is the address right, and does it run?", NOT_RUNNING)
