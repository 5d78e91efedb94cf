"""What each disposition means: what is said of it, whether somebody was met, what comes next."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from schemas.agencies import VisitResult
from schemas.values import Disposition

Next = Literal["again", "elsewhere", "refused", "rest"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """says: the fact. met: a right-party contact. next: another attempt, another address, none, or wait for others."""

    says: Literal["complete", "no_contact", "refuse"]
    met: bool
    next: Next = "again"


MEANINGS: dict[Disposition, Meaning] = {
    "paid_in_full": Meaning("complete", met=True),
    "paid_part": Meaning("complete", met=True),
    "promise": Meaning("complete", met=True),
    "plan_agreed": Meaning("complete", met=True),
    "disputes_debt": Meaning("complete", met=True),
    "hardship": Meaning("complete", met=True),
    "incident": Meaning("complete", met=True),
    "refused": Meaning("refuse", met=True, next="refused"),
    "not_home": Meaning("no_contact", met=False),
    "third_party_only": Meaning("no_contact", met=False),
    "moved": Meaning("no_contact", met=False, next="elsewhere"),
    "address_invalid": Meaning("no_contact", met=False, next="elsewhere"),
    "deceased": Meaning("complete", met=False, next="rest"),
}
"""Another attempt comes only when the gap is over and nothing stops it: what a dispute, a promise or a hardship stops,
stops by the facts that follow from them."""

NEEDS_PLACEMENT: frozenset[Disposition] = frozenset({"promise", "plan_agreed"})
"""Agreements that nobody can make any more once the placement is over."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a field of a result."""

    field: str
    what: str


def problems(result: VisitResult, visited_on: date, days_max: int) -> list[Problem]:
    """What is missing or impossible in a result; dates are local to the borrower."""
    if result.disposition == "promise":
        return _promise(result, visited_on, days_max)
    if result.disposition == "plan_agreed" and result.instalments is None:
        return [Problem("result.instalments", "A plan needs the number of instalments.")]
    return []


def _promise(result: VisitResult, visited_on: date, days_max: int) -> list[Problem]:
    found = []
    if result.promised_on is None:
        found.append(Problem("result.promised_on", "A promise needs a day."))
    elif not visited_on <= result.promised_on <= visited_on + timedelta(days=days_max):
        found.append(Problem("result.promised_on", f"The day must be within {days_max} days after the visit."))
    if result.promised_amount is None:
        found.append(Problem("result.promised_amount", "A promise needs an amount."))
    if result.currency is None:
        found.append(Problem("result.currency", "An amount needs its currency."))
    return found
