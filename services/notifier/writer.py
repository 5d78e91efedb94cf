"""From a contact that may go out to the message that goes: amounts, local dates, and the signed link."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, cast

from schemas.values import Arrears, Channel, Step
from services.kit.pages import known_language
from services.notifier.links import Links
from services.notifier.store_outgoing import Outgoing
from services.notifier.text import Notice, Parts, Texts, Unfit, Written
from services.rulebook.local import zone_of
from services.rulebook.packs import Rulebook
from services.rulebook.shelf import Shelf
from services.rulebook.strategy import Strategy
from services.rulebook.texts import parts_required


class Writer:
    """Writes notices. The link is signed at that moment and works for `link_days` days."""

    def __init__(self, texts: Texts, links: Links, link_days: int, strategy: Strategy, rulebooks: Shelf) -> None:
        self._texts, self._links, self._link_days, self._rulebooks = texts, links, link_days, rulebooks
        self._windows: dict[tuple[str, str], int] = {
            (step.step, step.template): step.response_window_days for step in strategy.ladder.steps
        }

    def __call__(self, outgoing: Outgoing, to: str, name: str, now: datetime) -> Written:
        """The message. Raises Unfit when it may not be sent."""
        if not outgoing.amounts:
            raise Unfit("it names no amounts")
        zone = zone_of(outgoing.time_zone)
        if zone is None:
            raise Unfit("the time zone of the person is not known")
        until = now + timedelta(days=self._link_days)
        amounts = outgoing.amounts
        return self._texts.write(
            Notice(
                contact_id=outgoing.contact_id,
                step=cast("Step", outgoing.step),
                template=outgoing.template,
                channel=cast("Channel", outgoing.channel),
                language=known_language(outgoing.language) or "zh-CN",
                to=to,
                name=name,
                currency=amounts["currency"],
                arrears=arrears_of(amounts),
                days_past_due=amounts["days_past_due"],
                written_on=now.astimezone(zone).date(),
                response_days=self._windows.get((outgoing.step, outgoing.template), 0),
                link=self._links.address(self._links.sign("n", outgoing.contact_id, until)),
                link_until=until.astimezone(zone).date(),
                due_date=_date(amounts.get("due_date")),
                parts=self._parts(outgoing, now.astimezone(zone)),
            )
        )

    def _parts(self, outgoing: Outgoing, local: datetime) -> Parts:
        """What the borrower's rule book obliges the text to say. Raises Unfit where there is no rule book."""
        rulebook = self._rulebooks.for_region(outgoing.region, local)
        if rulebook is None:
            raise Unfit(f"there is no rule book for {outgoing.region}")
        return parts_for(rulebook, cast("Channel", outgoing.channel), local.date())


@lru_cache(256)
def parts_for(rulebook: Rulebook, channel: Channel, on: date) -> Parts:
    """Mandatory part → rules, of a message over a channel on a local day."""
    return {str(part): rules for part, rules in parts_required(rulebook, channel, on).items()}


def arrears_of(amounts: Any) -> Arrears:
    """The components that a contact's row names."""
    return Arrears(**{name: Decimal(amounts[name]) for name in ("principal", "interest", "fees")})


def _date(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None
