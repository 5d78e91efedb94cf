"""May an agency be entrusted at all? Licence, mandate, list, staff, inspection and evaluation, by the rule book."""

from dataclasses import dataclass
from datetime import date

from schemas.values import Reason
from services.rulebook.kinds import Entrustment
from services.rulebook.packs import Rulebook


@dataclass(frozen=True, slots=True)
class AgencyOnPaper:
    """What an agency can show. None where it has none; `until` days are the last ones covered.

    certified_until: one day for each of its visitors.
    """

    whitelisted: bool
    licensed_until: date | None = None
    inspected_on: date | None = None
    mandate_from: date | None = None
    mandate_until: date | None = None
    evaluated_on: date | None = None
    certified_until: tuple[date, ...] = ()


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
    able = sum(until >= on for until in agency.certified_until)
    checks = {
        "not on the published list": needed.whitelisted and not agency.whitelisted,
        "no licence on that day": needed.licence and not _covers(None, agency.licensed_until, on),
        "no mandate on that day": needed.mandate and not _covers(agency.mandate_from, agency.mandate_until, on),
        "no inspection in time": not _within(agency.inspected_on, on, needed.inspected_within_days),
        "no evaluation in time": not _within(agency.evaluated_on, on, needed.evaluated_within_days),
        f"{able} of at least {needed.certified_staff_min} certified visitors": able < needed.certified_staff_min,
    }
    return [what for what, missing in checks.items() if missing]


def _covers(first: date | None, last: date | None, on: date) -> bool:
    return last is not None and (first is None or first <= on) and on <= last


def _within(done_on: date | None, on: date, days: int | None) -> bool:
    """Whether it was done at most so many days before; True where no number of days is asked for."""
    return days is None or (done_on is not None and 0 <= (on - done_on).days <= days)
