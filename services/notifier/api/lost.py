"""Why nobody knows what became of a notice, as phrases of the page: the sender says it in a sentence for its log."""

import re
from collections.abc import Mapping

PHRASES: Mapping[str, re.Pattern[str]] = {
    "no_receipt": re.compile(r"no receipt came in time"),
    "lost": re.compile(r"the sender was (lost between claim and outcome|stopped while the carrier had it)"),
    "line": re.compile(r"(SMPP|SMTP): .*"),
    "gateway": re.compile(r"\w+ gateway: it failed, .*|the gateway gave no reference"),
    "disk": re.compile(r"the batch appeared, and the disk did not say that it will stay"),
    "unkept": re.compile(r"what became of it cannot be stored|the carrier took it under a reference .*"),
}
"""Phrase under `unknown` → the sentences that it stands for."""


def lost(reason: str | None) -> str:
    """The phrase for a reason; `other` where it is none of ours, such as the words of a carrier's system."""
    return next((phrase for phrase, said in PHRASES.items() if said.fullmatch(reason or "")), "other")
