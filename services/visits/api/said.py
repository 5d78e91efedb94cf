"""The service's own sentences, in the reader's language. Facts say them in English; pages find them here again."""

import re
from collections.abc import Mapping, Sequence
from typing import get_args

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from schemas.agencies import Evidence
from schemas.cases import PlacementRecalled
from schemas.values import CaseOutcome
from services.kit.pages.script import OTHER, parted
from services.visits.domain.dispositions import MEANINGS
from services.visits.domain.state import CANCEL_REASONS

CAUSES = frozenset({*get_args(PlacementRecalled.model_fields["cause"].annotation), *get_args(CaseOutcome), "replaced"})
KINDS = frozenset(get_args(Evidence.model_fields["kind"].annotation))
WORDS: Mapping[str, str] = {
    **dict.fromkeys(KINDS, "kind"),
    **dict.fromkeys(CAUSES, "cause"),
    **dict.fromkeys(MEANINGS, "disposition"),
    **dict.fromkeys(CANCEL_REASONS, "why"),
}
"""Where the words that stand for a reason are translated; the reasons of `visit.cancelled` come first."""

SENTENCES: Mapping[str, re.Pattern[str]] = {
    key: re.compile(pattern)
    for key, pattern in {
        "over": r"(?:The|This) visit is over: (?P<state>\w+), (?P<why>.+)",
        "none": r"No such visit is open\.",
        "other_agency": r"The visit is another agency's\.",
        "never_go": r"The team was never told go at the door\.",
        "placement_over": r"The placement is over: (?P<why>\w+)\. Nothing can be agreed under it any more\.",
        "recalled": r"The placement was recalled: (?P<why>\w+)\.",
        "no_result": r"No result was reported\.",
        "broken_off": r"[Bb]roken off by the team\.?",
        "team": r"Name the visitors who were there, of (?P<who>[^.]+)\.",
        "backwards": r"A visit cannot end before it begins\.",
        "plan_parts": r"A plan needs the number of instalments\.",
        "promise_day": r"A promise needs a day\.",
        "promise_late": r"The day must be within (?P<days>\w+) days after the visit\.",
        "promise_amount": r"A promise needs an amount\.",
        "promise_currency": r"An amount needs its currency\.",
        "not_shown": r"The visitors did not show who they are\.",
        "no_consent": r"The visitors entered without consent\.",
        "no_recording": r"There is no recording\.",
        "recorded_late": r"The recording began after the arrival\.",
        "arrival": r"The reported arrival is far from when the team was told go\.",
        "short": r"The visit was too short for a conversation\.",
        "long": r"The visit was implausibly long\.",
        "clock": r"The visit is reported to have ended in the future\.",
        "no_evidence": r"Evidence is missing: (?P<what>.+)\.",
        "repeated": r"The same file was handed in twice\.",
        "taken": r"Evidence was taken at another time than the visit\.",
        "feedback": r"The result came later than agreed\.",
        "place": r"The evidence was taken away from the address\.",
    }.items()
}
"""What `domain` writes into facts for people, by the key of its translation. A test asks the domain for each."""


@pass_context
def worded(context: Context, text: str | None) -> str:
    """A reason as people read it: a word of the language, a sentence of ours, or as somebody wrote it."""
    if not text:
        return ""
    if text in WORDS:
        return phrase(context, f"{WORDS[text]}.{text}")
    for key, pattern in SENTENCES.items():
        if found := pattern.fullmatch(text):
            return phrase(context, f"said.{key}", **_shown(context, found.groupdict()))
    first, end, rest = text.partition(". ")
    return worded(context, f"{first}.") + _between(context) + worded(context, rest) if end else text


@pass_context
def quoted(context: Context, text: str | None) -> str | Markup:
    """A reason as `worded`; what somebody wrote in the other language says so."""
    said = worded(context, text)
    own, other = parted(said, context["lang"])
    if not other:
        return said
    mark = phrase(context, "said.other")
    return Markup('{}<span lang="{}">{}</span> <small>{}</small>').format(own, OTHER[context["lang"]], other, mark)


def _between(context: Context) -> str:
    return "" if context["lang"] == "zh-CN" else " "


def phrase(context: Context, key: str, **values: str) -> str:
    """A phrase of the pages, in the language of the page that is being written."""
    return str(context["t"](context, key, **values))


def _shown(context: Context, groups: Mapping[str, str]) -> dict[str, str]:
    """The words inside a sentence."""
    return {name: _word(context, name, word) for name, word in groups.items()}


def _word(context: Context, name: str, word: str) -> str:
    if name == "state":
        return phrase(context, f"state.{word}")
    if name == "what":
        return kinds(context, word.split(", "))
    return worded(context, word) if name == "why" else word


@pass_context
def kinds(context: Context, names: Sequence[str]) -> str:
    """Kinds of evidence as a list that people read."""
    between = "、" if context["lang"] == "zh-CN" else ", "
    return between.join(worded(context, name) for name in names)
