"""The list of agencies: who is on it, with which licence and mandate, and who may not work."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field

from schemas.agencies import AgencyEvaluated, AgencyLicensed, AgencyRegistered, MandateSigned, StaffMember
from schemas.envelope import Fact
from schemas.values import Id, Product, Text
from services.assignment.api.asking import Asked, ByOfficer, Key, Run, command, shown
from services.assignment.domain import registry
from services.assignment.domain.choice import IN_HOUSE, Panel
from services.assignment.handlers_commands import about_agency
from services.assignment.store import queries
from services.kit.problem import NotFound

router = APIRouter(tags=["agencies"])
Percent = Annotated[int, Field(ge=0, le=100)]


class RegistrationAsked(Asked):
    """Put an agency on the list, or change what the list says of it."""

    agency_id: Id
    name: Text
    regions: tuple[str, ...]
    products: tuple[Product | Literal["*"], ...]
    capacity: Annotated[int, Field(ge=0)]
    target_share: Percent
    contact: Text


class LicenceAsked(Asked):
    """Licence, inspection and staff, whole."""

    licence_number: Text
    licensed_until: date
    inspected_on: date
    staff: tuple[StaffMember, ...]


class MandateAsked(Asked):
    """The entrustment agreement."""

    mandate_id: Id
    authority: tuple[Literal["call", "letter", "visit", "agree_promise", "agree_plan"], ...]
    from_date: date
    until_date: date
    fee_basis_points: Annotated[int, Field(ge=0, le=10_000)]
    data_categories: tuple[str, ...]


class MandateEndAsked(ByOfficer):
    """End the agreement."""

    mandate_id: Id


class EvaluationAsked(Asked):
    """An evaluation: recovery never alone (rule CN-AG-04)."""

    conduct: Percent
    records: Percent
    recovery: Percent


Deciding = Callable[[Panel, datetime], tuple[Fact, ...]]


def _run(runtime: Run, key: str, agency_id: str, asked: Asked, decide: Deciding) -> JSONResponse:
    return command(runtime, agency_id, about_agency(decide), key, asked, agency_id)


@router.get("/agencies")
def list_agencies(runtime: Run) -> JSONResponse:
    """The published list, with what each carries."""
    with runtime.engine.begin() as connection:
        return shown({"items": queries.agency_rows(connection), "next": None})


@router.get("/agencies/{agency_id}")
def get_agency(runtime: Run, agency_id: str) -> JSONResponse:
    """One agency."""
    with runtime.engine.begin() as connection:
        found = [row for row in queries.agency_rows(connection) if row["agency_id"] == agency_id]
    if not found:
        raise NotFound(f"there is no agency {agency_id}")
    return shown(found[0])


@router.post("/agencies")
def register(runtime: Run, key: Key, asked: RegistrationAsked) -> JSONResponse:
    """Put an agency on the list."""

    def decide(_panel: Panel, _now: datetime) -> tuple[Fact, ...]:
        in_house = asked.agency_id == IN_HOUSE
        return (AgencyRegistered(in_house=in_house, **asked.model_dump()),)

    return _run(runtime, key, asked.agency_id, asked, decide)


@router.post("/agencies/{agency_id}/licence")
def license_agency(runtime: Run, key: Key, agency_id: str, asked: LicenceAsked) -> JSONResponse:
    """Record licence, inspection and staff."""

    def decide(panel: Panel, _now: datetime) -> tuple[Fact, ...]:
        registry.listed(panel, agency_id)
        return (AgencyLicensed(agency_id=agency_id, **dict(asked)),)

    return _run(runtime, key, agency_id, asked, decide)


@router.post("/agencies/{agency_id}/mandate")
def sign_mandate(runtime: Run, key: Key, agency_id: str, asked: MandateAsked) -> JSONResponse:
    """Sign the entrustment agreement."""

    def decide(panel: Panel, _now: datetime) -> tuple[Fact, ...]:
        return (registry.sign(panel, MandateSigned(agency_id=agency_id, **dict(asked))),)

    return _run(runtime, key, agency_id, asked, decide)


@router.post("/agencies/{agency_id}/mandate/end")
def end_mandate(runtime: Run, key: Key, agency_id: str, asked: MandateEndAsked) -> JSONResponse:
    """End the agreement: pending placements are recalled."""

    def decide(panel: Panel, now: datetime) -> tuple[Fact, ...]:
        return registry.end_mandate(panel, agency_id, asked.mandate_id, now.date())

    return _run(runtime, key, agency_id, asked, decide)


@router.post("/agencies/{agency_id}/evaluation")
def evaluate(runtime: Run, key: Key, agency_id: str, asked: EvaluationAsked) -> JSONResponse:
    """Record an evaluation; it weighs in the next choices."""

    def decide(panel: Panel, now: datetime) -> tuple[Fact, ...]:
        registry.listed(panel, agency_id)
        return (AgencyEvaluated(agency_id=agency_id, evaluated_on=now.date(), **asked.model_dump()),)

    return _run(runtime, key, agency_id, asked, decide)


@router.post("/agencies/{agency_id}/suspension")
def suspend(runtime: Run, key: Key, agency_id: str, asked: ByOfficer) -> JSONResponse:
    """Suspend an agency: no new cases, pending ones are recalled."""

    def decide(panel: Panel, now: datetime) -> tuple[Fact, ...]:
        return registry.suspend(panel, agency_id, f"{asked.officer}: {asked.reason}", now)

    return _run(runtime, key, agency_id, asked, decide)


@router.post("/agencies/{agency_id}/reinstatement")
def reinstate(runtime: Run, key: Key, agency_id: str, asked: ByOfficer) -> JSONResponse:
    """Let an agency work again."""

    def decide(panel: Panel, now: datetime) -> tuple[Fact, ...]:
        return registry.reinstate(panel, agency_id, f"{asked.officer}: {asked.reason}", now)

    return _run(runtime, key, agency_id, asked, decide)
