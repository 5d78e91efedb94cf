"""How the command line speaks: options that commands share, answers, and errors that say what to do."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from kafka.errors import KafkaError
from rich.console import Console

from deploy.local.errors import AlreadyRunning, Misused, StackError
from deploy.trace import NothingFound

PIPE_WIDTH = 200  # characters a line may have where no terminal says how wide it is
out = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
err = Console(stderr=True, soft_wrap=True)

Var = Annotated[Path, typer.Option(help="Folder of data, logs and state.", envvar="ARREARS_VAR")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
NO, MISUSE, NOT_RUNNING = 1, 2, 3


def say(document: object, as_json: bool, text: str) -> None:
    """Print the JSON document or the text."""
    sys.stdout.write((json.dumps(document, indent=2, default=str, ensure_ascii=False) if as_json else text) + "\n")


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
