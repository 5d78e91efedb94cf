"""The simulated agencies (and the lender's own visitors) as a process: they answer offers and send people to doors.

Started again, they read everything from the beginning; what they did before they do again under the same ids and keys,
so that it counts once.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from deploy.local.agenda import Agenda
from deploy.local.caller import Caller
from deploy.local.calling import Call, Switchboard, call_about
from deploy.local.chance import luck
from deploy.local.fieldwork import Errand, Saying, account, answer, attestation, delay, giving_back, manner
from deploy.local.outsider import Surroundings, run, surroundings
from deploy.local.wire import Listener, Speaker
from schemas.agencies import VisitReported
from schemas.cases import PlacementActivated, PlacementOffered, PlacementRecalled
from schemas.envelope import Event, Fact
from schemas.visits import VisitCancelled, VisitDispatched, VisitPlanned

IN_HOUSE = "in-house"
ASK_AGAIN_SECONDS = 0.15
TOO_LATE = timedelta(days=1)
_TOPIC_SHARE = 0.6

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Knock:
    """A team at a door, asking for the n-th time."""

    errand: Errand
    times: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A team's account that is due."""

    errand: Errand
    arrived_at: datetime


class Agencies:
    """All agencies of the panel in one."""

    def __init__(self, around: Surroundings, caller: Caller) -> None:
        self._clock, self._seed, self._visits = around.clock, around.seed, around.urls["visits"]
        self._people, self._caller = around.people(), caller
        self._speaker = Speaker(around.bootstrap)
        self._listener = Listener(around.bootstrap, _READ)
        self._switchboard = Switchboard(around.seed, around.urls["notifier"], around.clock, caller)
        self._agenda: Agenda[Saying | Knock | Report | Call] = Agenda(around.clock)
        self._owed: dict[str, tuple[Decimal, str]] = {}
        self._planned: dict[str, Errand] = {}

    async def work(self) -> None:
        """Listen and act for ever."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen())
                tasks.create_task(self._act(tasks))
        finally:
            await self._speaker.close()

    async def _listen(self) -> None:
        async for batch in self._listener.events():
            for event in batch:
                _READ[type(event.data)](self, event.data)

    def offered(self, offer: PlacementOffered) -> None:
        """An agency is offered a case. The own team needs no asking."""
        if offer.agency_id != IN_HOUSE:
            self._note(answer(self._seed, offer))

    def activated(self, placement: PlacementActivated) -> None:
        """An agency has a case."""
        self._owed[placement.placement_id] = (placement.arrears.total, placement.currency)
        if placement.agency_id != IN_HOUSE:
            self._note(giving_back(self._people.behaviour(placement.borrower_id), placement))
            self._note(call_about(self._seed, placement, self._people.zone))

    def recalled(self, recall: PlacementRecalled) -> None:
        """An agency has to delete what it knows."""
        if recall.agency_id != IN_HOUSE:
            self._note(attestation(self._seed, recall))

    def planned(self, visit: VisitPlanned) -> None:
        """A visit stands in somebody's calendar."""
        self._planned[visit.visit_id] = Errand(
            visit_id=visit.visit_id,
            placement_id=visit.placement_id,
            borrower_id=visit.borrower_id,
            agency_id=visit.agency_id,
            team=visit.team,
            window=(visit.window_start, visit.window_end),
            attempt=visit.attempt,
        )

    def cancelled(self, visit: VisitCancelled) -> None:
        """A visit does not take place. Who is on the way hears it at the door."""
        if visit.stage != "dispatched":
            self._planned.pop(visit.visit_id, None)

    def dispatched(self, visit: VisitDispatched) -> None:
        """The team sets off, unless it is one of those that do not."""
        errand = self._planned.pop(visit.visit_id, None)
        if errand is None or errand.window[1] + TOO_LATE < self._clock.now():
            return
        behaviour = self._people.behaviour(visit.borrower_id)
        if manner(behaviour, errand) != "absent":
            self._agenda.put(errand.knocks_at(behaviour), Knock(errand))

    def _note(self, entry: Saying | Call | None) -> None:
        if entry:
            self._agenda.put(entry.at, entry)

    async def _act(self, tasks: asyncio.TaskGroup) -> None:
        """Each team for itself: one that waits for an answer keeps nobody else waiting."""
        while True:
            for _, entry in self._agenda.due():
                tasks.create_task(self._do(entry))
            await self._agenda.rest()

    async def _do(self, entry: Saying | Knock | Report | Call) -> None:
        match entry:
            case Saying():
                await self._say(entry)
            case Knock():
                await self._knock(entry)
            case Report():
                await self._report(entry)
            case Call() if self._clock.now() < entry.at + TOO_LATE:
                await self._switchboard.make(entry, self._say)

    async def _say(self, saying: Saying) -> None:
        await self._speaker.say([_event(saying)])

    async def _knock(self, knock: Knock) -> None:
        errand = knock.errand
        response = await self._caller.post(
            f"{self._visits}/visits/{errand.visit_id}/arrival",
            key=f"{errand.visit_id}-arrival-{knock.times}",
            json={"team": errand.team},
        )
        if response.is_error:
            return log.warning("%s: %d %s", errand.visit_id, response.status_code, response.text[:300])
        told: Mapping[str, Any] = response.json()
        if told["answer"] == "go":
            self._talk(errand)
        elif told.get("code") in ("not_fresh", "early") and self._clock.now() < errand.window[1]:
            self._ask_again(knock, told)
        elif manner(self._people.behaviour(errand.borrower_id), errand) == "unstoppable":
            self._talk(errand)

    def _ask_again(self, knock: Knock, told: Mapping[str, Any]) -> None:
        wall = self._clock.wall(self._clock.now()) + timedelta(seconds=ASK_AGAIN_SECONDS)
        self._agenda.put(self._clock.at(wall), Knock(knock.errand, knock.times + 1))

    def _talk(self, errand: Errand) -> None:
        behaviour, now = self._people.behaviour(errand.borrower_id), self._clock.now()
        if manner(behaviour, errand) != "silent":
            ended = account(behaviour, errand, now, now.date()).ended_at
            self._agenda.put(ended + delay(behaviour, errand), Report(errand, now))

    async def _report(self, report: Report) -> None:
        errand = report.errand
        local = report.arrived_at.astimezone(self._people.zone)
        owed, currency = self._owed.get(errand.placement_id, (errand.owed, errand.currency))
        errand = replace(errand, owed=owed, currency=currency)
        said = account(self._people.behaviour(errand.borrower_id), errand, report.arrived_at, local.date())
        if errand.agency_id != IN_HOUSE and luck(self._seed, errand.agency_id, "channel") < _TOPIC_SHARE:
            await self._say(Saying(id=said.report_id, at=self._clock.now(), fact=said))
        else:
            await self._hand_in(said)

    async def _hand_in(self, said: VisitReported) -> None:
        response = await self._caller.post(
            f"{self._visits}/visits/{said.visit_id}/result",
            key=said.report_id,
            json=said.model_dump(mode="json", exclude_none=True),
        )
        if response.is_error:
            log.info("the result of %s was not taken: %d %s", said.visit_id, response.status_code, response.text[:300])


def _event(saying: Saying) -> Event[Fact]:
    source = f"/agencies/{getattr(saying.fact, 'agency_id', 'unknown')}"
    return Event.saying(saying.fact, id=saying.id, source=source, time=saying.at)


_READ: Mapping[type[Fact], Callable[[Agencies, Any], None]] = {
    PlacementOffered: Agencies.offered,
    PlacementActivated: Agencies.activated,
    PlacementRecalled: Agencies.recalled,
    VisitPlanned: Agencies.planned,
    VisitCancelled: Agencies.cancelled,
    VisitDispatched: Agencies.dispatched,
}


async def serve(around: Surroundings) -> None:
    """Run all agencies for ever."""
    async with Caller() as caller:
        await Agencies(around, caller).work()


if __name__ == "__main__":
    run(serve(surroundings()))
