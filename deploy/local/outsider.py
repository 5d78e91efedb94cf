"""What the simulated processes share: settings from the environment, a log on standard error, an end on SIGTERM."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from deploy.local.behaviour import Behaviour, behaviours, stranger
from deploy.local.portfolio import Borrower, World, portfolio, world_of_this_process
from services.kit.clock import Clock, clock_from

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the rest of the system is. Without a world nothing is known of any borrower."""

    bootstrap: str
    clock: Clock
    seed: int
    world: World | None
    urls: Mapping[str, str]
    environment: Mapping[str, str] = field(repr=False)

    def people(self) -> "People":
        """All borrowers with their hidden behaviour."""
        return People(self.world, self.seed, self.environment.get("ARREARS_JURISDICTION", "CN"))

    def folder(self, setting: str) -> Path:
        """A folder named by a setting, made if it is missing."""
        path = Path(self.environment[setting])
        path.mkdir(parents=True, exist_ok=True)
        return path


class People:
    """Who lives in this world, and how they behave; a stranger where it is not known."""

    def __init__(self, world: World | None, seed: int, jurisdiction: str = "CN") -> None:
        self._seed = world.seed if world else seed
        self.zone = world.zone if world else ZoneInfo("Asia/Shanghai" if jurisdiction == "CN" else "UTC")
        self.speak_chinese = (world.jurisdiction if world else jurisdiction) == "CN"
        borrowers: tuple[Borrower, ...] = portfolio(world) if world else ()
        self.by_phone = {one.person.phone: one.borrower_id for one in borrowers}
        self.by_email = {one.person.email: one.borrower_id for one in borrowers}
        self._behaviours = behaviours(world, borrowers) if world else {}

    def behaviour(self, borrower_id: str) -> Behaviour:
        """How this borrower behaves."""
        return self._behaviours.get(borrower_id) or stranger(self._seed, borrower_id)


def surroundings() -> Surroundings:
    """Read them from the environment. A missing setting ends the process with one line and status 2."""
    try:
        return Surroundings(
            bootstrap=os.environ["ARREARS_KAFKA_BOOTSTRAP"],
            clock=clock_from(os.environ.get("ARREARS_CLOCK", "system")),
            seed=int(os.environ.get("ARREARS_SEED", "1")),
            world=world_of_this_process(),
            urls={
                name: os.environ.get(f"ARREARS_{name.upper()}_URL", "")
                for name in ("notifier", "assignment", "visits", "reporting")
            },
            environment=os.environ,
        )
    except KeyError as error:
        sys.exit(_refused(f"{error.args[0]} is not set"))
    except ValueError as error:
        sys.exit(_refused(str(error)))


def _refused(why: str) -> int:
    sys.stderr.write(f"arrears: {why}\n")
    return 2


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run until done, or until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    for noisy in ("aiokafka", "httpx", "mail.log"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    asyncio.run(_until_told(work))


async def _until_told(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
