"""May an agency be entrusted at all? Licence, mandate, list, staff, inspection and evaluation, by the rule book."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

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


Lack = Literal["not_listed", "licence", "mandate", "inspection_overdue", "evaluation_overdue", "staff", "no_rulebook"]

WORDS: Mapping[Lack, str] = {
    "not_listed": "not on the published list",
    "licence": "no licence on that day",
    "mandate": "no mandate on that day",
    "inspection_overdue": "no inspection in time",
    "evaluation_overdue": "no evaluation in time",
    "staff": "too few certified visitors",
    "no_rulebook": "no rule book in force",
}


def forbids(agency: AgencyOnPaper, rulebook: Rulebook, on: date) -> tuple[Reason, ...]:
    """Every rule that keeps a case from this agency on a day; none means that it may be entrusted."""
    found: list[Reason] = []
    for rule in rulebook.rules:
        force = rule.force_on(on)
        if isinstance(rule.parameters, Entrustment) and force is not None:
            lacks = ", ".join(WORDS[lack] for lack in _lacking(rule.parameters, agency, on))
            text = f"{rule.text} ({lacks})"
            found += [Reason(rule_id=rule.id, clause=rule.clause, force=force, text=text)] if lacks else []
    return tuple(found)


def lacking(agency: AgencyOnPaper, rulebook: Rulebook | None, on: date) -> tuple[Lack, ...]:
    """What an agency lacks on a day by any rule; where no rule book is in force nobody is entrusted."""
    if rulebook is None:
        return ("no_rulebook",)
    asked = [r.parameters for r in rulebook.rules if isinstance(r.parameters, Entrustment) and r.force_on(on)]
    found = [lack for needed in asked for lack in _lacking(needed, agency, on)]
    return tuple(dict.fromkeys(found))


def _lacking(needed: Entrustment, agency: AgencyOnPaper, on: date) -> list[Lack]:
    able = sum(until >= on for until in agency.certified_until)
    checks: dict[Lack, bool] = {
        "not_listed": needed.whitelisted and not agency.whitelisted,
        "licence": needed.licence and not _covers(None, agency.licensed_until, on),
        "mandate": needed.mandate and not _covers(agency.mandate_from, agency.mandate_until, on),
        "inspection_overdue": not _within(agency.inspected_on, on, needed.inspected_within_days),
        "evaluation_overdue": not _within(_evaluated(agency, on), on, needed.evaluated_within_days),
        "staff": able < needed.certified_staff_min,
    }
    return [what for what, missing in checks.items() if missing]


def _covers(first: date | None, last: date | None, on: date) -> bool:
    return last is not None and (first is None or first <= on) and on <= last


def _evaluated(agency: AgencyOnPaper, on: date) -> date | None:
    """When the year until its next evaluation began: at the last one, or with an agreement that is younger."""
    begun = (day for day in (agency.evaluated_on, agency.mandate_from) if day is not None and day <= on)
    return max(begun, default=None)


def _within(done_on: date | None, on: date, days: int | None) -> bool:
    """Whether it was done at most so many days before; True where no number of days is asked for."""
    return days is None or (done_on is not None and 0 <= (on - done_on).days <= days)
