"""The simulated bank as a process: plays its loans forward on the scaled clock and publishes what happens.

Killed and started again, the bank reads its journal, says once more what it may not have said, and goes on.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from pathlib import Path

from deploy.local.agenda import Agenda
from deploy.local.dealings import perform
from deploy.local.files import write_whole
from deploy.local.journal import Journal
from deploy.local.occasions import FOLLOWED, before, day, heard
from deploy.local.outsider import Surroundings, run, surroundings
from deploy.local.portfolio import World
from deploy.local.teller import Action, Teller
from deploy.local.wire import Listener, Speaker
from schemas.bank import LoanOverdue
from schemas.envelope import Event, Fact

FOLDER_SETTING = "ARREARS_BANK_DIR"
JOURNAL, STATEMENT = "journal.jsonl", "statement.json"
OPEN = "open"
_STATEMENT_SECONDS = 0.5

log = logging.getLogger(__name__)


class Bank:
    """An agenda of actions, a journal, a voice. Where the world is not endless nothing is said after its last day."""

    def __init__(self, around: Surroundings, world: World, folder: Path) -> None:
        self._clock, self._world, self._folder = around.clock, world, folder
        self._teller = Teller(world)
        self._agenda: Agenda[Action] = Agenda(around.clock)
        self._speaker = Speaker(around.bootstrap)
        self._listener = Listener(around.bootstrap, FOLLOWED)
        self._journal = Journal(folder / JOURNAL)
        self._known: set[str] = set()
        self._taken_up = self._saying = False
        self._said: Counter[str] = Counter()
        self._open_day = world.first_day

    async def play(self) -> None:
        """Play for ever."""
        await self._take_up()
        self._note(before(self._teller))
        self._note([self._opening(self._open_day)])
        self._taken_up = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen())
                tasks.create_task(self._act())
                tasks.create_task(self._report())
        finally:
            self._write_statement()
            await self._speaker.close()

    async def _take_up(self) -> None:
        """Do again what the journal holds, and say again what may not have been said."""
        unsaid: list[Event[Fact]] = []
        for action, said in self._journal.actions():
            events = self._perform(action)
            unsaid += [] if said else events
        await self._say(unsaid)

    async def _listen(self) -> None:
        async for batch in self._listener.events():
            for event in batch:
                self._note(heard(self._teller, event))

    async def _act(self) -> None:
        while True:
            actions = [action for _, action in self._agenda.due() if action.id not in self._known]
            if actions:
                self._journal.write(actions)
                await self._say([event for action in actions for event in self._perform(action)])
            await self._agenda.rest()

    def _perform(self, action: Action) -> list[Event[Fact]]:
        """Do it once; what follows from it is noted too."""
        if action.id in self._known:
            return []
        self._known.add(action.id)
        if action.kind == OPEN:
            return self._open(action.due_day)
        events = list(perform(self._teller, action))
        for event in events:
            self._said[event.type] += 1
            self._note(heard(self._teller, event))
        return events

    def _open(self, today: date) -> list[Event[Fact]]:
        self._note([*day(self._teller, today), self._opening(today + timedelta(days=1))])
        self._open_day = today
        return []

    def _opening(self, today: date) -> Action:
        at = datetime.combine(today, time(), self._world.zone)
        return Action(id=f"{OPEN}-{today.isoformat()}", at=at, kind=OPEN, borrower_id="", day=today)

    def _note(self, actions: Iterable[Action]) -> None:
        for action in actions:
            if action.id not in self._known and (self._world.endless or action.at < self._world.end):
                self._agenda.put(action.at, action)

    async def _say(self, events: list[Event[Fact]]) -> None:
        """Say everything, some of it twice, and almost everything at all."""
        self._saying = True
        await self._speaker.say([twin for event in events if not self._lost(event) for twin in self._twins(event)])
        self._journal.said()
        self._saying = False

    def _twins(self, event: Event[Fact]) -> tuple[Event[Fact], ...]:
        return (event, event) if self._teller.behaviours[event.data.key].twice else (event,)

    def _lost(self, event: Event[Fact]) -> bool:
        """The bank's own system loses the first word about some loans; only its snapshots tell."""
        first = isinstance(event.data, LoanOverdue) and event.data.loan_version == 1
        return first and self._teller.behaviours[event.data.key].story.lost_fact

    async def _report(self) -> None:
        while True:
            self._write_statement()
            await asyncio.sleep(_STATEMENT_SECONDS)

    def _write_statement(self) -> None:
        write_whole(self._folder / STATEMENT, json.dumps(self.statement(), indent=2) + "\n")

    def statement(self) -> dict[str, object]:
        """The bank's own figures, to be compared with those of the collections."""
        teller, now = self._teller, self._clock.now()
        return {
            "day": max(0, (now.astimezone(self._world.zone).date() - self._world.first_day).days),
            "over": not self._world.endless and now > self._world.end and self._is_idle(),
            "borrowers": len(teller.borrowers),
            "currency": self._world.currency,
            "paid": str(teller.paid),
            "reversed": str(teller.reversed),
            "overdue": sum(account.status == "overdue" for account in teller.accounts.values()),
            "said": dict(self._said),
        }

    def _is_idle(self) -> bool:
        """Whether nothing is to be done, and the broker has all that was said."""
        return self._taken_up and not len(self._agenda) and not self._saying


def main() -> None:
    """Run the bank of the world named in the environment."""
    around = surroundings()
    if around.world is None:
        raise SystemExit("arrears: ARREARS_WORLD is not set")
    run(Bank(around, around.world, around.folder(FOLDER_SETTING)).play())


if __name__ == "__main__":
    main()
