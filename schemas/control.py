"""What ops say to all services."""

from schemas.envelope import Fact
from schemas.topics import CONTROL
from schemas.values import Id, Instant, Text


class ControlFact(Fact):
    """What every control fact names: the target (a strategy, an agency, a rule book) is the record key."""

    target: Id
    reason: Text
    by: Id


class StrategyPaused(ControlFact, type="strategy.paused.v1", topic=CONTROL):
    """A strategy takes no further step until resumed."""


class StrategyResumed(ControlFact, type="strategy.resumed.v1", topic=CONTROL):
    """A paused strategy goes on."""


class AgencyDrained(ControlFact, type="agency.drained.v1", topic=CONTROL):
    """An agency gets no new placements."""


class RulebookActivated(ControlFact, type="rulebook.activated.v1", topic=CONTROL):
    """A rule book version is in force from an exact instant."""

    version: Text
    effective_from: Instant
