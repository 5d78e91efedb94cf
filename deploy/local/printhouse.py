"""A simulated print house: takes batches of letters from their folder, and says after some days what became of them.

A letter taken lies in `taken/` with its slip, one that is settled in `done/`; a batch is gone when all of it is taken.
So a print house that was killed goes on where it was. What does not have the digest of the manifest is not taken.
"""

import asyncio
import hashlib
import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from deploy.local.agenda import Agenda
from deploy.local.caller import Caller
from deploy.local.chance import wait
from deploy.local.stories import Fate
from services.kit.clock import Clock

LOOK_SECONDS = 0.2
_POST_DAYS = (24.0 * 1.5, 24.0 * 2.6)
_RETURN_TAKES, _LOST_AFTER = timedelta(days=2), timedelta(days=6)
_TOO_EARLY, _TRIES = 409, 40
_LATER = timedelta(hours=6)
_STATUS = {"delivered": "delivered", "failed": "returned", "silent": "lost"}

log = logging.getLogger(__name__)


class PrintHouse:
    """The print house. `fate` knows what becomes of a letter by the notice id on its slip."""

    def __init__(self, folder: Path, notifier: str, clock: Clock, fate: Callable[[str], Fate], caller: Caller) -> None:
        self._folder, self._taken, self._done = folder, folder / "taken", folder / "done"
        self._notifier, self._clock, self._fate, self._caller = notifier, clock, fate, caller
        self._agenda: Agenda[Path] = Agenda(clock)
        self._refused: Counter[str] = Counter()

    async def work(self) -> None:
        """Take letters and post their tracking, for ever."""
        for folder in (self._taken, self._done):
            folder.mkdir(parents=True, exist_ok=True)
        for slip in sorted(self._taken.glob("*.json")):
            self._note(slip)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._take())
            tasks.create_task(self._track())

    async def _take(self) -> None:
        while True:
            for batch in sorted(self._folder.glob("batch-*")):
                self._take_batch(batch)
            await asyncio.sleep(LOOK_SECONDS)

    def _take_batch(self, batch: Path) -> None:
        for letter in json.loads((batch / "manifest.json").read_text("utf-8"))["letters"]:
            pdf, slip = batch / letter["file"], self._taken / f"{letter['notice_id']}.json"
            if not pdf.exists():
                continue  # taken before we were killed
            if hashlib.sha256(pdf.read_bytes()).hexdigest() != letter["sha256"]:
                log.error("%s is not what the manifest says", pdf)
                continue
            slip.write_text(json.dumps(letter, ensure_ascii=False), "utf-8")
            pdf.replace(self._taken / pdf.name)
            self._note(slip)
        shutil.rmtree(batch, ignore_errors=True)

    def _note(self, slip: Path) -> None:
        fate = self._fate(slip.stem)
        extra = {"delivered": timedelta(0), "failed": _RETURN_TAKES, "silent": _LOST_AFTER}[fate]
        self._agenda.put(self._clock.now() + wait(_POST_DAYS, slip.stem) + extra, slip)

    async def _track(self) -> None:
        while True:
            for _, slip in self._agenda.due():
                await self._settle(slip)
            await self._agenda.rest()

    async def _settle(self, slip: Path) -> None:
        notice_id, letter = slip.stem, json.loads(slip.read_text())
        status = _STATUS[self._fate(notice_id)]
        answer = await self._caller.post(
            f"{self._notifier}/letters/{notice_id}/tracking",
            key=f"{letter['tracking_number']}-{status}",
            json={
                "status": status,
                "at": self._clock.now().isoformat(),
                "reference": letter["tracking_number"],
            },
        )
        if answer.status_code == _TOO_EARLY and self._refused[notice_id] < _TRIES:
            self._refused[notice_id] += 1  # the lender has not yet noted that we took it
            self._agenda.put(self._clock.now() + _LATER, slip)
            return
        if answer.is_error:
            log.warning("tracking of %s was not taken: %d %s", notice_id, answer.status_code, answer.text[:200])
        for file in (slip, slip.with_suffix(".pdf")):
            file.replace(self._done / file.name)
