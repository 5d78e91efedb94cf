"""The program behind `arrears up`: it holds the stack, the services and the simulated outside until told to end."""

import argparse
import json
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.background import EXIT_MISUSED
from deploy.local.errors import Misused, StackError
from deploy.local.files import write_whole
from deploy.local.stack import DEFAULT_VAR, ending_on_signals, holder, running_stack, wait_for_signal
from deploy.local.state import ProcessState
from deploy.local.system import Endpoints, Plan, start_system
from deploy.local.timekeeping import read_mark
from services.kit.clock import clock_from

HEALTH_SECONDS_MAX = 2.0


class BadClock(Misused):
    """The clock that was asked for cannot be understood."""


def clock_setting(text: str, now: datetime | None = None) -> str:
    """The setting ARREARS_CLOCK from what people write: `system`, a factor like `3600` or `3600x`, or the full form.

    A factor starts at the present instant. Raises BadClock.
    """
    if text == "system" or "|" in text:
        return _checked(text)
    at = (now or datetime.now(UTC)).isoformat()
    return _checked(f"scaled|{at}|{at}|{_bare(text)}")


@dataclass(frozen=True, slots=True)
class Start:
    """The clock to start with in a folder (a setting ARREARS_CLOCK), and what people should know of it, if anything."""

    clock: str
    said: str = ""


def start_in(var: Path, text: str, now: datetime | None = None) -> Start:
    """The clock that people write, for this folder: business time goes on from where it stood, never back.

    Raises BadClock, also where the full form shows a time that this folder has passed.
    """
    now = now or datetime.now(UTC)
    wanted, mark = clock_setting(text, now), read_mark(var)
    if mark is None or mark.clock == wanted:
        return Start(wanted)
    if clock_from(wanted).at(now) >= mark.stood:
        return Start(wanted, "" if mark.clock == "system" else _GOES_TO.format(mark.stood, var))
    if "|" in text:
        raise BadClock(f"--clock: business time in {var} stood at {mark.stood:{_SHOWN}} already and never runs "
                       "backwards. Give a factor, like `3600`, to go on from there, or use another --var.")  # fmt: skip
    factor = "1" if text == "system" else _bare(text)
    onward = _checked(f"scaled|{mark.stood.isoformat()}|{now.isoformat()}|{factor}")
    return Start(onward, _GOES_ON.format(mark.stood, var))


_SHOWN = "%Y-%m-%d %H:%M UTC"
_GOES_ON = (
    "Business time goes on from {0:" + _SHOWN + "}, where it stood in {1}: it never runs backwards."
    " To begin at the present instant use another folder (--var)."
)
_GOES_TO = "Business time stood at {0:" + _SHOWN + "} in {1}; it goes on at the instant that --clock shows."


def factor_of(text: str) -> float:
    """How many times as fast as true time, from `3600` or `3600x`. Raises BadClock."""
    _checked(f"scaled|{_ANY}|{_ANY}|{_bare(text)}")
    return float(_bare(text))


_ANY = "2026-01-01T00:00:00+00:00"


def _bare(text: str) -> str:
    return text.removeprefix("scaled:").removeprefix("x").removesuffix("x")


def _checked(setting: str) -> str:
    try:
        clock_from(setting)
    except ValueError as error:
        raise BadClock(
            f"--clock: {error}. Write `system`, or how many times as fast as true time it runs, like `3600`."
        ) from None
    return setting


def endpoints_file(var: Path) -> Path:
    """Where the endpoints of the system in `var` are written."""
    return var / "run" / "endpoints.json"


def read_endpoints(var: Path) -> dict[str, str]:
    """The endpoints of the system in `var`, or of a demo that runs where none was named. Raises StackError."""
    try:
        found: dict[str, str] = json.loads(endpoints_file(running_var(var)).read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise StackError(nothing_runs(var)) from None
    return found


def running_var(var: Path) -> Path:
    """The folder itself, or that of a demo that runs where none was named."""
    demo = var / "demo"
    return demo if var == DEFAULT_VAR and holder(var) is None and holder(demo) is not None else var


def business_now(var: Path) -> datetime:
    """Business time (UTC) of the system that runs in `var`, or of a demo; true time where nothing runs."""
    folder = running_var(var)
    mark = read_mark(folder) if holder(folder) else None
    return mark.now() if mark else datetime.now(UTC)


def nothing_runs(var: Path) -> str:
    """That nothing runs there, and how to start it there."""
    if var.exists() and not var.is_dir():
        return f"{var} is a file, not a folder of data, logs and state."
    return f"Nothing runs in {var}. Start it with `arrears up{'' if var == DEFAULT_VAR else f' --var {var}'}`."


def write_endpoints(var: Path, endpoints: Endpoints) -> None:
    """Keep the endpoints for other commands; only the owner may read them, for the database's password is in them."""
    write_whole(endpoints_file(var), json.dumps(endpoints.as_json(), indent=2) + "\n", mode=0o600)


@dataclass(frozen=True, slots=True)
class Told:
    """How a process is, in a word, and what a person has to decide or wait for, in sentences."""

    word: str
    sentences: tuple[str, ...] = ()


def told(one: ProcessState) -> Told:
    """How a process is: services say so themselves, of the others it is known whether they run."""
    health = _health(one.endpoint) if one.pid and one.endpoint.startswith("http") else {}
    verdict = str(health.get("verdict", ""))
    if verdict == "stopped" or (one.why and not verdict):
        return Told("stopped", (str(health.get("doing", one.why)),))
    if not (one.ready and verdict):
        return Told("ready" if one.ready else "starting" if one.pid else "down")
    halted = health.get("halted")
    return Told(verdict, tuple(map(str, halted)) if isinstance(halted, list) else ())


def _health(service: str) -> dict[str, object]:
    try:
        with urllib.request.urlopen(f"{service}/health/ready", timeout=HEALTH_SECONDS_MAX) as answer:
            return _document(answer.read())
    except urllib.error.HTTPError as error:
        return _document(error.read())
    except (urllib.error.URLError, OSError):
        return {}


def _document(body: bytes) -> dict[str, object]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def main(arguments: list[str]) -> None:
    """Start everything, declare it ready, and wait for a signal."""
    parser = argparse.ArgumentParser(prog="python -m deploy.up", description=__doc__)
    parser.add_argument("--var", type=Path, default=DEFAULT_VAR)
    parser.add_argument("--clock", default="system")
    parser.add_argument("--jurisdiction", default="CN")
    parser.add_argument("--bare", action="store_true")
    options = parser.parse_args(arguments)
    try:
        _hold(options.var, Plan(start_in(options.var, options.clock).clock, options.jurisdiction, options.bare))
    except Misused as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_MISUSED)
    except (StackError, OSError) as error:
        sys.exit(str(error))


def _hold(var: Path, plan: Plan) -> None:
    with ending_on_signals(), running_stack(var) as stack:
        write_endpoints(stack.var, start_system(stack, plan))
        stack.supervisor.declare_ready()
        wait_for_signal()


if __name__ == "__main__":
    main(sys.argv[1:])
