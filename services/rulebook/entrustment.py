"""May an agency be entrusted at all? Licence, mandate, published list and inspection, by the rule book."""

from dataclasses import dataclass
from datetime import date

from schemas.values import Reason
from services.rulebook.kinds import Entrustment
from services.rulebook.packs import Rulebook


@dataclass(frozen=True, slots=True)
class AgencyOnPaper:
    """What an agency can show. None where it has none; `until` days are the last ones covered."""

    whitelisted: bool
    licensed_until: date | None = None
    inspected_on: date | None = None
    mandate_from: date | None = None
    mandate_until: date | None = None


def forbids(agency: AgencyOnPaper, rulebook: Rulebook, on: date) -> tuple[Reason, ...]:
    """Every rule that keeps a case from this agency on a day; none means that it may be entrusted."""
    found: list[Reason] = []
    for rule in rulebook.rules:
        force = rule.force_on(on)
        if isinstance(rule.parameters, Entrustment) and force is not None:
            lacking = _lacking(rule.parameters, agency, on)
            text = f"{rule.text} ({', '.join(lacking)})"
            found += [Reason(rule_id=rule.id, clause=rule.clause, force=force, text=text)] if lacking else []
    return tuple(found)


def _lacking(needed: Entrustment, agency: AgencyOnPaper, on: date) -> list[str]:
    days = needed.inspected_within_days
    checks = {
        "not on the published list": needed.whitelisted and not agency.whitelisted,
        "no licence on that day": needed.licence and not _covers(None, agency.licensed_until, on),
        "no mandate on that day": needed.mandate and not _covers(agency.mandate_from, agency.mandate_until, on),
        "no inspection in time": days is not None and not _inspected(agency.inspected_on, on, days),
    }
    return [what for what, missing in checks.items() if missing]


def _covers(first: date | None, last: date | None, on: date) -> bool:
    return last is not None and (first is None or first <= on) and on <= last


def _inspected(inspected_on: date | None, on: date, days: int) -> bool:
    return inspected_on is not None and 0 <= (on - inspected_on).days <= days
