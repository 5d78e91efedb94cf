"""The closed set of rule kinds. Each is its parameters and one pure function: does this contact pass, and until when?

A rule that asks for something which is not known does not pass.
"""

from collections.abc import Mapping

from services.rulebook.kinds.asking import Finding, Parameters, Question
from services.rulebook.kinds.clock import Blackout, QuietHours
from services.rulebook.kinds.frequency import Cap, Cooldown
from services.rulebook.kinds.person import (
    ConsentRequired,
    ContactPointSource,
    NoHold,
    NoStopRequest,
    NotVulnerable,
    PartyIn,
    StatusIn,
)
from services.rulebook.kinds.visit import Entrustment, Place, ProvedNotice, Recording, Staffing

KINDS: Mapping[str, type[Parameters]] = {
    "quiet_hours": QuietHours,
    "cap": Cap,
    "cooldown": Cooldown,
    "party": PartyIn,
    "contact_point_source": ContactPointSource,
    "hold": NoHold,
    "stop_request": NoStopRequest,
    "consent": ConsentRequired,
    "borrower_status": StatusIn,
    "vulnerability": NotVulnerable,
    "staffing": Staffing,
    "recording": Recording,
    "place": Place,
    "proved_notice": ProvedNotice,
    "blackout": Blackout,
    "entrustment": Entrustment,
}

__all__ = ["KINDS", "Entrustment", "Finding", "Parameters", "Question"]
