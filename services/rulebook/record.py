"""What a decision rested on, as JSON kept beside it; and the same decision made again from that."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime

from schemas.values import JsonObject
from services.rulebook.gate import decide
from services.rulebook.kinds.clock import Blackout
from services.rulebook.packs import Rule, Rulebook
from services.rulebook.question import Decision, History, Profile, Proposal
from services.rulebook.shape import plain, shaped


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that the gate was told.

    calendars: name → year → days, of the calendars that a rule asked for, as the table was then. rulebook_until: when
    the version was known to cease, at the time.
    """

    proposal: Proposal
    history: History
    profile: Profile | None
    now: datetime
    calendars: dict[str, dict[int, tuple[date, ...]]] = field(default_factory=dict)
    rulebook_until: datetime | None = None


def inputs_of(
    proposal: Proposal, history: History, profile: Profile | None, rulebook: Rulebook | None, now: datetime
) -> Inputs:
    """What is to be kept of a decision: what it was asked, and what of the rule book is not in the pack's own text."""
    if rulebook is None:
        return Inputs(proposal, history, profile, now)
    names = {rule.parameters.calendar for rule in rulebook.rules if _asks_calendar(rule.parameters, proposal, rule)}
    kept = {name: rulebook.calendars.get(name, {}) for name in sorted(names)}
    return Inputs(proposal, history, profile, now, kept, rulebook.in_force_until)


def as_json(inputs: Inputs) -> JsonObject:
    """The inputs as a JSON object; instants ISO with offset. Holds no personal value, only ids."""
    found: JsonObject = plain(inputs)
    return found


def read(recorded: JsonObject) -> Inputs:
    """What was kept, as values. Raises Misshapen on foreign JSON."""
    return shaped(Inputs, recorded)


def rerun(recorded: JsonObject, rulebook: Rulebook | None) -> Decision:
    """Make the decision again from what was kept of it, by a rule book. Raises Misshapen on foreign JSON."""
    inputs = read(recorded)
    book = None if rulebook is None else _as_then(rulebook, inputs)
    return decide(inputs.proposal, inputs.history, inputs.profile, book, inputs.now)


def _as_then(rulebook: Rulebook, inputs: Inputs) -> Rulebook:
    """The rule book with the days and the end that were known then."""
    if not inputs.calendars and inputs.rulebook_until == rulebook.in_force_until:
        return rulebook
    calendars = {**rulebook.calendars, **inputs.calendars}
    return replace(rulebook, calendars=calendars, in_force_until=inputs.rulebook_until)


def _asks_calendar(parameters: object, proposal: Proposal, rule: Rule) -> bool:
    return isinstance(parameters, Blackout) and rule.switched_on and rule.applies_over(proposal.channel)
