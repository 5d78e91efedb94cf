"""Which agency gets a case: who may not and why, how the others score, and who wins. The same inputs, the same answer.

Shares and capacity are counted per partition, so that nobody queues for a shared counter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256

from schemas.cases import Candidate
from schemas.changing import replace
from schemas.topics import PARTITIONS
from services.rulebook.entrustment import AgencyOnPaper, lacking
from services.rulebook.packs import Rulebook
from services.rulebook.strategy import Placement as PlacementPolicy

IN_HOUSE = "in-house"


@dataclass(frozen=True, slots=True)
class Agency:
    """An agency, or the lender's own team, as the registry holds it. `used`: its cases in this partition."""

    agency_id: str
    name: str = ""
    in_house: bool = False
    regions: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    capacity: int = 0
    target_share: int = 0
    licensed_until: date | None = None
    inspected_on: date | None = None
    evaluated_on: date | None = None
    certified_until: tuple[date, ...] = ()
    mandate_id: str = ""
    authority: tuple[str, ...] = ()
    mandate_from: date | None = None
    mandate_until: date | None = None
    basis_points: int = 0
    suspended: str = ""
    drained: bool = False
    conduct: int = 80
    recovery: int = 50
    used: int = 0


LAST_RESORT = -1_000_000
"""Puts the in-house team behind every agency, whatever the weights."""

EVEN = 50
"""Points, of 100, of an agency that has exactly its target share."""

HOUSE = Agency(IN_HOUSE, "In-house", in_house=True, mandate_id=IN_HOUSE)
"""The lender's own team, should the registry not name it."""


@dataclass(frozen=True, slots=True)
class Panel:
    """All agencies of the registry with what they carry in one partition."""

    agencies: Mapping[str, Agency] = field(default_factory=dict)
    partition: int = 0

    def agency(self, agency_id: str) -> Agency | None:
        """An agency by its id; the in-house team is always there."""
        return self.agencies.get(agency_id) or (HOUSE if agency_id == IN_HOUSE else None)

    def carrying(self, agency_id: str, change: int) -> "Panel":
        """The panel after an agency took (+1) or lost (-1) a case in this partition."""
        known = self.agencies.get(agency_id)
        if known is None:
            return self
        return self.having(replace(known, used=max(0, known.used + change)))

    def having(self, agency: Agency) -> "Panel":
        """The panel with this agency in place of what was known of it."""
        return replace(self, agencies={**self.agencies, agency.agency_id: agency})


@dataclass(frozen=True, slots=True)
class Subject:
    """What the choice looks at of a case. rulebook: the one in force where the borrower lives."""

    case_id: str
    region: str
    products: tuple[str, ...]
    tried: tuple[str, ...] = ()
    only_in_house: bool = False
    rulebook: Rulebook | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Who wins, with every candidate as it was seen. None where nobody may take the case."""

    agency: Agency | None
    candidates: tuple[Candidate, ...]
    reason: str


def choose(panel: Panel, subject: Subject, today: date, policy: PlacementPolicy) -> Choice:
    """Choose by declared weights among those that may. The in-house team is the last resort, free of coverage rules."""
    agencies = sorted(_all(panel), key=lambda agency: agency.agency_id)
    total = sum(agency.used for agency in agencies)
    seen = [_look(agency, panel.partition, subject, today, _parts(agency, policy, total)) for agency in agencies]
    ranked = sorted(
        (candidate for candidate in seen if candidate.eligible),
        key=lambda c: (-(c.score or 0), _number(f"{subject.case_id}/{c.agency_id}"), c.agency_id),
    )
    if not ranked:
        return Choice(None, tuple(seen), "nobody may take the case")
    winner = ranked[0]
    reason = _sentence(winner, len(ranked), subject.rulebook)
    return Choice(panel.agency(winner.agency_id), tuple(seen), reason)


def _all(panel: Panel) -> Sequence[Agency]:
    named = tuple(panel.agencies.values())
    return named if any(agency.in_house for agency in named) else (*named, HOUSE)


def _look(agency: Agency, partition: int, subject: Subject, today: date, parts: dict[str, int]) -> Candidate:
    why_not = exclusions(agency, partition, subject, today)
    if why_not:
        return Candidate(agency_id=agency.agency_id, eligible=False, excluded_by=why_not)
    if agency.in_house and not _competes(agency, partition, subject):
        parts["last_resort"] = LAST_RESORT
    return Candidate(agency_id=agency.agency_id, eligible=True, score=sum(parts.values()), parts=parts)


def exclusions(agency: Agency, partition: int, subject: Subject, today: date) -> tuple[str, ...]:
    """Every reason why an agency may not take this case; empty where it may."""
    if agency.in_house:
        return ("already_tried",) if agency.agency_id in subject.tried else ()
    checks = {
        "offers_used_up": subject.only_in_house,
        "already_tried": agency.agency_id in subject.tried,
        "region": not covers(agency.regions, subject.region),
        "product": not all(covers(agency.products, product) for product in subject.products),
        "capacity": agency.used >= capacity_in(agency, partition),
        **dict.fromkeys(standing(agency, today, subject.rulebook), True),
    }
    return tuple(reason for reason, holds in checks.items() if holds)


def standing(agency: Agency, today: date, rulebook: Rulebook | None) -> tuple[str, ...]:
    """What is wrong with the agency itself, and what the rule book misses of it: such an agency gets no case."""
    if agency.in_house:
        return ()
    checks: dict[str, bool] = {
        **dict.fromkeys(fallen(agency, today), True),
        "drained": agency.drained,
        **dict.fromkeys(lacking(_on_paper(agency), rulebook, today), True),
    }
    return tuple(reason for reason, holds in checks.items() if holds)


def _on_paper(agency: Agency) -> AgencyOnPaper:
    """What the agency can show; whoever stands in the registry stands on the published list."""
    return AgencyOnPaper(
        whitelisted=True,
        licensed_until=agency.licensed_until,
        inspected_on=agency.inspected_on,
        mandate_from=agency.mandate_from,
        mandate_until=agency.mandate_until if agency.mandate_id else None,
        evaluated_on=agency.evaluated_on,
        certified_until=agency.certified_until,
    )


def fallen(agency: Agency, today: date) -> tuple[str, ...]:
    """Why the agency may not even keep what it has: licence or mandate gone, or suspended."""
    if agency.in_house:
        return ()
    checks = {
        "suspended": bool(agency.suspended),
        "licence": agency.licensed_until is None or agency.licensed_until < today,
        "mandate": not agency.mandate_id or not _within(today, agency.mandate_from, agency.mandate_until),
        "authority": "visit" not in agency.authority,
    }
    return tuple(reason for reason, holds in checks.items() if holds)


def _within(today: date, start: date | None, end: date | None) -> bool:
    return (start is None or start <= today) and end is not None and today <= end


def covers(listed: Sequence[str], wanted: str) -> bool:
    """True where a list names the value, or everything (`*`)."""
    return "*" in listed or wanted in listed


def capacity_in(agency: Agency, partition: int) -> int:
    """The partition's part of an agency's capacity; over all partitions the parts add up to the whole."""
    each, rest = divmod(agency.capacity, PARTITIONS)
    order = sorted(range(PARTITIONS), key=lambda p: _number(f"{agency.agency_id}/{p}"))
    return each + (partition in order[:rest])


def _competes(house: Agency, partition: int, subject: Subject) -> bool:
    """True where the in-house team has a share of its own to fill; else it takes only what nobody else may."""
    return (
        house.target_share > 0 and covers(house.regions, subject.region) and house.used < capacity_in(house, partition)
    )


def _parts(agency: Agency, policy: PlacementPolicy, total: int) -> dict[str, int]:
    share = 100 * agency.used // total if total else 0
    gap = max(0, min(100, EVEN + agency.target_share - share))
    return {
        "share_gap": policy.weights.share_gap * gap,
        "recovery": policy.weights.recovery * agency.recovery,
        "conduct": policy.weights.conduct * agency.conduct,
    }


def _sentence(winner: Candidate, among: int, rulebook: Rulebook | None) -> str:
    parts = ", ".join(f"{name} {points}" for name, points in winner.parts.items())
    return f"best of {among} eligible under {rulebook.label if rulebook else 'no rule book'}: {parts}"


def _number(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big")
