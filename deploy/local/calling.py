"""Agencies that telephone before they visit: they ask the contact gate first, call if they may, and report the call."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from deploy.local.caller import Caller
from deploy.local.chance import luck, wait
from deploy.local.fieldwork import Saying
from deploy.local.recording import MOBILE
from schemas.agencies import CallReported
from schemas.cases import PlacementActivated
from services.kit.clock import Clock

_SHARE, _CONNECTED_SHARE = 0.3, 0.4
_OFFICE_HOURS = (9.5, 15.0)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that an agency wants to make about a case."""

    placement_id: str
    borrower_id: str
    agency_id: str
    at: datetime


def call_about(seed: int, placement: PlacementActivated, zone: ZoneInfo) -> Call | None:
    """Whether, and when, the agency calls: on the morning after it got the case, on the clock of `zone`."""
    if luck(seed, placement.placement_id, "calls") >= _SHARE:
        return None
    tomorrow = placement.activated_at.astimezone(zone).date() + timedelta(days=1)
    at = datetime.combine(tomorrow, time(), zone) + wait(_OFFICE_HOURS, seed, placement.placement_id, "calls")
    return Call(placement.placement_id, placement.borrower_id, placement.agency_id, at)


class Switchboard:
    """Makes calls under permits of the gate."""

    def __init__(self, seed: int, notifier: str, clock: Clock, caller: Caller) -> None:
        self._seed, self._notifier, self._clock, self._caller = seed, notifier, clock, caller

    async def make(self, call: Call, say: Callable[[Saying], Awaitable[None]]) -> None:
        """Ask, call, and report; who may not call lets it be."""
        key = f"call-{call.placement_id}"
        asked = {
            "borrower_id": call.borrower_id,
            "channel": "voice",
            "proposed_by": call.agency_id,
            "contact_point": MOBILE,
            "contact_source": "contract",
            "recording": True,
        }
        answer = await self._caller.post(f"{self._notifier}/contacts", key=key, json=asked)
        if answer.is_error:
            return log.warning("%s: the gate says %d %s", key, answer.status_code, answer.text[:300])
        decided = answer.json()
        if decided["allowed"]:
            await self._report(call, decided["contact_id"], say)

    async def _report(self, call: Call, contact_id: str, say: Callable[[Saying], Awaitable[None]]) -> None:
        now, connected = self._clock.now(), luck(self._seed, call.placement_id, "connects") < _CONNECTED_SHARE
        outcome = {"outcome": "connected" if connected else "unanswered", "at": now.isoformat()}
        settled = await self._caller.post(
            f"{self._notifier}/contacts/{contact_id}/outcome", key=f"{contact_id}-outcome", json=outcome
        )
        if settled.is_error:
            log.warning("the outcome of %s was not taken: %d %s", contact_id, settled.status_code, settled.text[:300])
        fact = CallReported(
            report_id=f"R-{contact_id}",
            borrower_id=call.borrower_id,
            agency_id=call.agency_id,
            contact_id=contact_id,
            placement_id=call.placement_id,
            called_at=now,
            connected=connected,
            disposition="will call back" if connected else "no answer",
        )
        await say(Saying(id=fact.report_id, at=now, fact=fact))
