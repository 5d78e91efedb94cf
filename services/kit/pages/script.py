"""Which of our two languages words are in, guessed by their script: pages show what people wrote as it was written."""

import re
from collections.abc import Mapping

from services.kit.pages import Language

OTHER: Mapping[Language, Language] = {"zh-CN": "en", "en": "zh-CN"}
_HAN, _LATIN = re.compile(r"[\u3400-\u9fff]"), re.compile(r"[A-Za-z]{2}")
_FOREIGN: Mapping[Language, re.Pattern[str]] = {
    "en": re.compile(r"[\u3400-\u9fff].*$", re.DOTALL),
    "zh-CN": re.compile(r"[A-Za-z]+[,:;.]? [A-Za-z][^\u3400-\u9fff]*$"),
}
"""How words of the other language begin; one word alone may be a name or an id."""


def written_in(words: str) -> Language | None:
    """Which of our languages somebody wrote in; None where no word tells."""
    return "zh-CN" if _HAN.search(words) else "en" if _LATIN.search(words) else None


def parted(said: str, language: Language) -> tuple[str, str]:
    """What reads in the reader's language, and the rest: the words of somebody who wrote in the other, if any."""
    found = _FOREIGN[language].search(said)
    return (said[: found.start()], found[0]) if found else (said, "")
