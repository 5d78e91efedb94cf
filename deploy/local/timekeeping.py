"""Where business time stands in a `var` folder, so that no start there ever turns it back."""

import json
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.files import write_whole
from services.kit.clock import clock_from

MARK_SECONDS = 1.0
AHEAD_SECONDS = 3.0
"""A system that is killed, or frozen and then killed, may have lived so long after its last mark, in true time."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The setting of the clock that ran last, and the business instant that was never passed under it (UTC)."""

    clock: str
    stood: datetime

    def now(self) -> datetime:
        """What that clock shows at this moment, whether anything runs or not."""
        return clock_from(self.clock).now().astimezone(UTC)


def mark_file(var: Path) -> Path:
    """Where the mark of the folder `var` is written."""
    return var / "run" / "clock.json"


def read_mark(var: Path) -> Mark | None:
    """The mark of the data in `var`; None where there are no data, or nobody kept time."""
    try:
        found = json.loads(mark_file(var).read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Mark(found["clock"], datetime.fromisoformat(found["stood"])) if (var / "postgres").exists() else None


class Timekeeper:
    """Marks business time in `var` every second from `keep` on, and once more at the end of the block."""

    def __init__(self, var: Path) -> None:
        self._var = var
        self._clock = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="timekeeper", daemon=True)

    def __enter__(self) -> "Timekeeper":
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._clock:
            self._thread.join()
            self._mark(ahead=0)

    def keep(self, clock: str) -> None:
        """Begin to keep the time of this clock, a setting ARREARS_CLOCK."""
        self._clock = clock
        self._mark(AHEAD_SECONDS)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(MARK_SECONDS):
            self._mark(AHEAD_SECONDS)

    def _mark(self, ahead: float) -> None:
        true = datetime.fromtimestamp(datetime.now(UTC).timestamp() + ahead, UTC)
        stood = clock_from(self._clock).at(true).astimezone(UTC)
        # A full disk must not stop what it reports on.
        with suppress(OSError):
            write_whole(mark_file(self._var), json.dumps({"clock": self._clock, "stood": stood.isoformat()}) + "\n")
