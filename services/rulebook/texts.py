"""What a message must say, by the rule book: the parts that a template may not leave out."""

from datetime import date

from schemas.values import Channel
from services.rulebook.kinds import MandatoryParts
from services.rulebook.kinds.elsewhere import Part
from services.rulebook.packs import Rulebook


def parts_required(rulebook: Rulebook, channel: Channel, on: date) -> dict[Part, tuple[str, ...]]:
    """Part → the ids of the rules that ask for it, of a message over a channel on a day."""
    found: dict[Part, tuple[str, ...]] = {}
    for rule in rulebook.rules:
        if isinstance(rule.parameters, MandatoryParts) and rule.applies_over(channel) and rule.force_on(on):
            for part in rule.parameters.parts:
                found[part] = (*found.get(part, ()), rule.id)
    return found
