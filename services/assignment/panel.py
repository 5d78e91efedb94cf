"""The panel that an empty registry starts with: read from TOML, said as facts like any other registration."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, with_config

from schemas.agencies import AgencyEvaluated, AgencyLicensed, AgencyRegistered, MandateSigned, StaffMember
from schemas.envelope import Fact

DEFAULT = Path(__file__).with_name("panel.toml")
PRODUCTS = ("micro_loan", "consumer_loan", "credit_card")
DATA_CATEGORIES = ("identity", "contact", "arrears", "visit_records")
YEAR = 365

Percent = Annotated[int, Field(ge=0, le=100)]


@with_config({"extra": "forbid"})
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One agency of the panel. Days count from the day of loading."""

    jurisdiction: tuple[str, ...]
    agency_id: str
    name: str
    regions: tuple[str, ...]
    capacity: int
    target_share: Percent
    contact: str
    staff: Annotated[int, Field(ge=4)]
    fee_basis_points: int
    evaluation: dict[str, Percent]
    in_house: bool = False
    products: tuple[str, ...] = PRODUCTS
    licensed_days: int = 3 * YEAR
    inspected_days_ago: int = 60
    mandate_days: int = 2 * YEAR
    certified_days: int = 2 * YEAR


_ENTRIES = TypeAdapter(tuple[Entry, ...])


def read_panel(path: Path, jurisdiction: str) -> Sequence[Entry]:
    """The agencies of a jurisdiction. Raises ValueError or OSError where the file cannot be read."""
    entries = _ENTRIES.validate_python(tomllib.loads(path.read_text(encoding="utf-8"))["agencies"])
    return tuple(entry for entry in entries if jurisdiction in entry.jurisdiction)


def facts_of(entry: Entry, today: date) -> tuple[Fact, ...]:
    """What is said of an agency that is put on the list with licence, staff, mandate and first evaluation."""
    return (
        AgencyRegistered(
            agency_id=entry.agency_id,
            name=entry.name,
            in_house=entry.in_house,
            regions=entry.regions,
            products=entry.products,
            capacity=entry.capacity,
            target_share=entry.target_share,
            contact=entry.contact,
        ),
        _licensed(entry, today),
        MandateSigned(
            agency_id=entry.agency_id,
            mandate_id=f"M-{entry.agency_id}-1",
            authority=("call", "letter", "visit", "agree_promise", "agree_plan"),
            from_date=today,
            until_date=today + timedelta(days=entry.mandate_days),
            fee_basis_points=entry.fee_basis_points,
            data_categories=DATA_CATEGORIES,
        ),
        AgencyEvaluated(agency_id=entry.agency_id, evaluated_on=today, **entry.evaluation),
    )


def _licensed(entry: Entry, today: date) -> AgencyLicensed:
    return AgencyLicensed(
        agency_id=entry.agency_id,
        licence_number=f"L-{entry.agency_id}",
        licensed_until=today + timedelta(days=entry.licensed_days),
        inspected_on=today - timedelta(days=entry.inspected_days_ago),
        staff=tuple(_member(entry, number, today) for number in range(1, entry.staff + 1)),
    )


def _member(entry: Entry, number: int, today: date) -> StaffMember:
    return StaffMember(
        staff_id=f"S-{entry.agency_id}-{number}",
        badge=f"{entry.agency_id.upper()}-{number:03}",
        certified_until=today + timedelta(days=entry.certified_days),
        regions=entry.regions,
    )
