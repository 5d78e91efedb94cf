"""Each reason for which nobody knows what became of a notice has a phrase for people, in both languages."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.kit.pages import LANGUAGES, Language, load_phrases
from services.notifier.api.desk import FOLDER
from services.notifier.api.lost import PHRASES, lost

NOTIFIER = FOLDER.parent
SAID = load_phrases(FOLDER)


def sentences() -> Iterator[str]:
    """What the source of the sender and of the channels says of an unknown end; what is filled in is a word."""
    for path in (NOTIFIER / "sender.py", *sorted((NOTIFIER / "channels").glob("*.py"))):
        for said in re.findall(r'(?:Unknown|PerhapsTaken)\(f?"([^"]+)"\)', Path(path).read_text("utf-8")):
            yield re.sub(r"\{[^}]*\}", "word", said)


def test_the_source_says_why_in_several_ways() -> None:
    assert len(set(sentences())) > 6


@pytest.mark.parametrize("reason", sorted({*sentences(), "no receipt came in time"}))
def test_each_reason_of_ours_is_a_phrase(reason: str) -> None:
    assert lost(reason) != "other"


def test_the_words_of_a_carrier_are_none_of_ours() -> None:
    assert lost("550 mailbox busy") == lost("") == lost(None) == "other"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("phrase", [*PHRASES, "other"])
def test_each_phrase_is_said_in_both_languages(language: Language, phrase: str) -> None:
    assert SAID[language][f"unknown.{phrase}"]
