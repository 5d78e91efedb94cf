"""The agencies: what assignment says of them, and what their own systems report."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.envelope import Fact
from schemas.topics import AGENCIES, AGENCY_REPORTS
from schemas.values import (
    Currency,
    Day,
    Disposition,
    GivenId,
    Id,
    Instant,
    OpenDay,
    Personal,
    Positive,
    ReasonForDefault,
    Text,
    Value,
    Word,
)


class AgencyRegistered(Fact, type="agency.registered.v1", topic=AGENCIES):
    """An agency (or the in-house team) stands on the published list, with what it covers and can carry."""

    agency_id: GivenId
    name: Text
    in_house: bool = False
    regions: tuple[Word, ...]
    products: tuple[Word, ...]
    capacity: Annotated[int, Field(ge=0)]
    target_share: Annotated[int, Field(ge=0, le=100)]
    contact: Text


class StaffMember(Value):
    """A visitor: certificate and its end decide whether they may be sent."""

    staff_id: GivenId
    badge: GivenId
    certified_until: OpenDay
    regions: tuple[Word, ...]


class AgencyLicensed(Fact, type="agency.licensed.v1", topic=AGENCIES):
    """Licence, inspection and staff of an agency, whole in each record."""

    agency_id: GivenId
    licence_number: Text
    licensed_until: OpenDay
    inspected_on: Day
    staff: tuple[StaffMember, ...]


class MandateSigned(Fact, type="mandate.signed.v1", topic=AGENCIES):
    """The entrustment agreement: authority, term, fee, data categories (PIPL article 21)."""

    agency_id: GivenId
    mandate_id: GivenId
    authority: tuple[Literal["call", "letter", "visit", "agree_promise", "agree_plan"], ...]
    from_date: Day
    until_date: OpenDay
    fee_basis_points: Annotated[int, Field(ge=0, le=10_000)]
    data_categories: tuple[Word, ...]


class MandateEnded(Fact, type="mandate.ended.v1", topic=AGENCIES):
    """The agreement has ended; every placement under it is recalled."""

    agency_id: GivenId
    mandate_id: GivenId
    ended_on: Day


class AgencyEvaluated(Fact, type="agency.evaluated.v1", topic=AGENCIES):
    """A periodic evaluation. Recovery is never its only measure (rule CN-AG-04)."""

    agency_id: GivenId
    evaluated_on: Day
    conduct: Annotated[int, Field(ge=0, le=100)]
    records: Annotated[int, Field(ge=0, le=100)]
    recovery: Annotated[int, Field(ge=0, le=100)]


class AgencySuspended(Fact, type="agency.suspended.v1", topic=AGENCIES):
    """No new placements; pending ones are recalled."""

    agency_id: GivenId
    reason: Text
    suspended_at: Instant


class AgencyReinstated(Fact, type="agency.reinstated.v1", topic=AGENCIES):
    """The agency may work again."""

    agency_id: GivenId
    reason: Text
    reinstated_at: Instant


class AgencyReport(Fact):
    """What every report of an agency names."""

    report_id: GivenId
    borrower_id: Id
    agency_id: GivenId


class PlacementAccepted(AgencyReport, type="placement.accepted.v1", topic=AGENCY_REPORTS):
    """The agency takes the offered case."""

    placement_id: Id
    accepted_at: Instant


class PlacementDeclined(AgencyReport, type="placement.declined.v1", topic=AGENCY_REPORTS):
    """The agency does not take the offered case."""

    placement_id: Id
    declined_at: Instant
    reason: Text


class PlacementReturned(AgencyReport, type="placement.returned.v1", topic=AGENCY_REPORTS):
    """The agency gives the case back."""

    placement_id: Id
    returned_at: Instant
    reason: Text


class DataDeletionAttested(AgencyReport, type="data_deletion.attested.v1", topic=AGENCY_REPORTS):
    """The agency attests that it has deleted all data of a recalled case (PIPL article 21)."""

    placement_id: Id
    attested_at: Instant
    method: Text


class Conduct(Value):
    """How the visitors behaved, as recorded."""

    identity_shown: bool
    recording_started_at: Instant | None = None
    consent_to_enter: bool = False
    entered: bool = False


class Evidence(Value):
    """A file of evidence by its SHA-256; the bytes are handed in over REST."""

    kind: Literal["audio", "video", "photo", "signature", "document"]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    taken_at: Instant
    latitude: float | None = None
    longitude: float | None = None


class VisitResult(Value):
    """What came of a visit, for the reporter's channel (topic or page) and for `visit.completed` alike."""

    disposition: Disposition
    reason_for_default: ReasonForDefault | None = None
    promised_on: Day | None = None
    promised_amount: Positive | None = None
    currency: Currency | None = None
    instalments: Annotated[int, Field(ge=2, le=60)] | None = None


class VisitReported(AgencyReport, type="visit.reported.v1", topic=AGENCY_REPORTS):
    """The visitors' account of a visit."""

    visit_id: Id
    team: tuple[Id, ...]
    arrived_at: Instant
    ended_at: Instant
    result: VisitResult
    conduct: Conduct
    evidence: tuple[Evidence, ...] = ()
    statement: Personal | None = None


class CallReported(AgencyReport, type="call.reported.v1", topic=AGENCY_REPORTS):
    """A call that an agency made under a permit of the contact gate."""

    contact_id: Id
    placement_id: Id
    called_at: Instant
    connected: bool
    disposition: Text = ""


__all__ = [name for name in dir() if name[0].isupper()]
