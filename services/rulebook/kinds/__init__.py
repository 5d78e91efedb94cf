"""The closed set of rule kinds. Each is its parameters and one pure function: does this contact pass, and until when?

A rule that asks for something which is not known does not pass.
"""

from collections.abc import Mapping

from services.rulebook.kinds.asking import Finding, Parameters, Question
from services.rulebook.kinds.clock import Blackout, QuietHours, RequestedQuiet, Spacing
from services.rulebook.kinds.elsewhere import Entrustment, MandatoryParts
from services.rulebook.kinds.frequency import Cap, Cooldown
from services.rulebook.kinds.person import (
    ConsentRequired,
    ContactPointSource,
    LenderDevice,
    NoHold,
    NoStopRequest,
    NotRefused,
    NotVulnerable,
    PartyIn,
    PurposeIn,
    StatusIn,
    VerifiedPoint,
)
from services.rulebook.kinds.reach import LostContact
from services.rulebook.kinds.visit import Place, PlaceWithConsent, ProvedNotice, Recording, Staffing

KINDS: Mapping[str, type[Parameters]] = {
    "quiet_hours": QuietHours,
    "requested_quiet": RequestedQuiet,
    "blackout": Blackout,
    "spacing": Spacing,
    "cap": Cap,
    "cooldown": Cooldown,
    "party": PartyIn,
    "purpose": PurposeIn,
    "refusal": NotRefused,
    "lost_contact": LostContact,
    "contact_point_source": ContactPointSource,
    "verified_contact_point": VerifiedPoint,
    "lender_device": LenderDevice,
    "hold": NoHold,
    "stop_request": NoStopRequest,
    "consent": ConsentRequired,
    "borrower_status": StatusIn,
    "vulnerability": NotVulnerable,
    "staffing": Staffing,
    "recording": Recording,
    "place": Place,
    "place_with_consent": PlaceWithConsent,
    "proved_notice": ProvedNotice,
    "entrustment": Entrustment,
    "mandatory_parts": MandatoryParts,
}

__all__ = ["KINDS", "Entrustment", "Finding", "MandatoryParts", "Parameters", "Question"]
