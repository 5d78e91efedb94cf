"""What a rule book asks of a visit before anybody plans one."""

from datetime import date

from services.rulebook.kinds.visit import Staffing
from services.rulebook.packs import Rulebook

TEAM_UNKNOWN = 2
"""Where no rule book is in force nobody may be visited; plans that are drawn up meanwhile take this many."""


def team_size_min(rulebook: Rulebook | None, on: date) -> int:
    """How many people visit at least on a day; a rule that may be overridden counts too."""
    if rulebook is None:
        return TEAM_UNKNOWN
    asked = (r.parameters.minimum for r in rulebook.rules if isinstance(r.parameters, Staffing) and r.force_on(on))
    return max(asked, default=1)
