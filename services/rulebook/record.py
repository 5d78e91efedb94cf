"""What a decision rested on, as JSON kept beside it; and the same decision made again from that."""

from dataclasses import dataclass
from datetime import datetime

from schemas.values import JsonObject
from services.rulebook.gate import decide
from services.rulebook.packs import Rulebook
from services.rulebook.question import Decision, History, Profile, Proposal
from services.rulebook.shape import plain, shaped


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that the gate was told."""

    proposal: Proposal
    history: History
    profile: Profile | None
    now: datetime


def as_json(inputs: Inputs) -> JsonObject:
    """The inputs as a JSON object; instants ISO with offset. Holds no personal value, only ids."""
    found: JsonObject = plain(inputs)
    return found


def rerun(recorded: JsonObject, rulebook: Rulebook | None) -> Decision:
    """Make the decision again from what was kept of it, by a rule book. Raises Misshapen on foreign JSON."""
    inputs = shaped(Inputs, recorded)
    return decide(inputs.proposal, inputs.history, inputs.profile, rulebook, inputs.now)
