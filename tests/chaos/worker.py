"""One worker of one service for a chaos run: `python -m tests.chaos.worker <service>`. Named moments may be armed.

ARREARS_CHAOS_DIR names the folder of the run: `armed/` holds what is armed, `hold-<service>` keeps it from starting.
"""

import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any

from services.kit.run import run
from services.kit.settings import Settings
from tests.chaos.failpoints import Failpoints, Notes, install, install_in_notifier

SETTINGS = {
    "notifier": ("services.notifier.settings", "NotifierSettings"),
    "assignment": ("services.assignment.app", "AssignmentSettings"),
    "visits": ("services.visits.app", "VisitsSettings"),
    "reporting": ("services.reporting.app", "ReportingSettings"),
}
HOLD_PAUSE_SECONDS = 0.1


def main(service: str) -> None:
    """Wait while the run holds the service, put the moments in, and be the worker."""
    folder = Path(os.environ["ARREARS_CHAOS_DIR"])
    notes = Notes(folder, service, os.environ["ARREARS_INSTANCE"])
    while (folder / f"hold-{service}").exists():
        time.sleep(HOLD_PAUSE_SECONDS)
    notes.note("start")
    points = Failpoints(folder, service, notes)
    install(points.reach, notes)
    if service == "notifier":
        install_in_notifier(points.reach)
    plug = importlib.import_module(f"services.{service}.app").plug
    run(plug, _settings(service))


def _settings(service: str) -> type[Settings]:
    module, name = SETTINGS[service]
    kind: Any = getattr(importlib.import_module(module), name)
    return kind  # type: ignore[no-any-return]


if __name__ == "__main__":
    main(sys.argv[1])
