"""Rules that are not about a single contact: whom a case is entrusted to, and what a text must say.

They stand in the packs with the others and are asked by `entrustment.forbids` and `texts.parts_required`.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from services.rulebook.kinds.asking import PASSES, Finding, Question

Part = Literal["lender", "reason", "amounts", "complaints", "opt_out", "debt_collector"]
"""What a message can be obliged to say: who writes, why, how much by component, where to complain, how to opt out, and
that a debt is being collected."""


@dataclass(frozen=True, slots=True)
class Entrustment:
    """What an agency must have before a case is entrusted to it; asked by `entrustment.forbids`, not of contacts."""

    whitelisted: bool = False
    licence: bool = False
    mandate: bool = False
    inspected_within_days: int | None = None
    evaluated_within_days: int | None = None
    certified_staff_min: int = 0
    days_back: int = field(default=0, init=False)
    of_contacts: ClassVar[bool] = False

    def judge(self, _q: Question) -> Finding:
        """It says nothing about a single contact."""
        return PASSES


@dataclass(frozen=True, slots=True)
class MandatoryParts:
    """What every message over the rule's channels must say; asked by `texts.parts_required`, not of contacts."""

    parts: tuple[Part, ...]
    days_back: int = field(default=0, init=False)
    of_contacts: ClassVar[bool] = False

    def judge(self, _q: Question) -> Finding:
        """It says nothing about whether the contact may be made."""
        return PASSES
