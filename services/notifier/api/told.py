"""The reasons that assignment gives for an answer, as the phrases of the borrower's page; an officer's as they are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.kit.pages import Language
from services.kit.pages.script import written_in
from services.notifier.domain.state import Result

BY_RULE = {
    "running": re.compile(r"a plan is being performed already"),
    "count": re.compile(r"(?P<first>\d+) to (?P<last>\d+) instalments can be agreed"),
    "small": re.compile(r"arrears of [\d.]+ are not above (?P<above>[\d.]+)"),
    "unproved": re.compile(r"by rule: the lender's records do not prove the debt"),
    "proved": re.compile(r"by rule: the records prove the debt"),
    "no_ground": re.compile(r"\w+ alone is no reason for relief under the strategy"),
}
"""Phrase → the sentence of a decision by rule."""

OFFICER = re.compile(r"^\S+: ")
"""Begins the words of an officer; who it was is nothing for a page."""


@dataclass(frozen=True, slots=True)
class Why:
    """A phrase under `why` with its values; `language` is the one in which an officer wrote, where that is known."""

    phrase: str
    values: Mapping[str, str] = field(default_factory=dict)
    language: Language | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """An answer to show, with its reason; a relief needs none."""

    result: Result
    why: Why


def why(reason: str) -> Why:
    """The phrase for a reason; a reason that is no rule's is shown in the words in which it was given."""
    for phrase, pattern in BY_RULE.items():
        if found := pattern.fullmatch(reason):
            return Why(phrase, found.groupdict())
    words = OFFICER.sub("", reason, count=1)
    return Why("words", {"words": words}, written_in(words))
