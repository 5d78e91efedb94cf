"""One message per notice: what the carriers were handed, against what notifier's books say that it handed over.

Which notice a message is about stands sealed in its link: base64url of AES-SIV (RFC 5297) under HMAC-SHA512 of the key
that notifier was given, over one byte of purpose, four of expiry, and the notice's id.
"""

import base64
import binascii
import hmac
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from tests.chaos.audit.findings import Findings

LINK = re.compile(r"/n/([A-Za-z0-9_-]{20,200})")
HEAD_BYTES = 5
HANDED = frozenset({"submitted", "delivered", "failed"})
"""States of a notice whose handing over is certain where a carrier's reference is known."""

MAYBE = frozenset({"unknown", "submitting", "failed"})


@dataclass(frozen=True, slots=True)
class Opener:
    """Reads links with the key that notifier seals them with; `key` is in base64."""

    key: str

    def notice_of(self, text: str) -> str:
        """The notice that a message is about; empty where there is no link, or none that this key opens."""
        found = LINK.search(text.replace("=\r\n", "").replace("=\n", ""))
        if not found:
            return ""
        try:
            raw = base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4))
            return self._cipher().decrypt(raw, [b"arrears link"])[HEAD_BYTES:].decode("utf-8", "replace")
        except (binascii.Error, ValueError, InvalidTag):
            return ""

    def _cipher(self) -> AESSIV:
        return AESSIV(hmac.digest(base64.b64decode(self.key), b"arrears link sealed", "sha512"))


def mail_text(text: str) -> str:
    """The text of a mail; parts in base64 are opened."""
    parts = [text]
    for block in re.findall(r"(?:^[A-Za-z0-9+/=]{16,}\r?$\n?)+", text, re.MULTILINE):
        try:
            parts.append(base64.b64decode(block).decode("utf-8", "replace"))
        except (binascii.Error, ValueError):
            continue
    return "\n".join(parts)


def handed_over(journal: Iterable[Mapping[str, str]], letters: Path | None, opener: Opener) -> Counter[tuple[str, str]]:
    """Channel and notice id, how often the carriers were handed it. Letters lie under their own name: once at most."""
    found: Counter[tuple[str, str]] = Counter()
    for line in journal:
        text = line["text"] if line["channel"] == "sms" else mail_text(line["text"])
        found[line["channel"], opener.notice_of(text)] += 1
    if letters is not None:
        handed = (pdf for pdf in letters.rglob("*.pdf") if not pdf.parent.name.startswith("."))
        found.update({("letter", pdf.stem) for pdf in handed})
    return found


def once(
    handed: Mapping[tuple[str, str], int], contacts: Iterable[tuple[str, str, str, str | None]], findings: Findings
) -> int:
    """Each notice left the house at most once, and exactly once where the books say so.

    contacts: notice id, channel, state, the carrier's reference. Answers how many may or may not have gone out.
    """
    check = "one message per notice"
    books = {(channel, notice): (state, reference) for notice, channel, state, reference in contacts}
    for (channel, notice), times in handed.items():
        findings.looked(check)
        state, reference = books.get((channel, notice), ("", None))
        about = {"channel": channel, "notice": notice, "state": state, "times": times}
        if times > 1:
            findings.found("doubled", check, **about)
        if not reference and state not in MAYBE:
            findings.found("invented", check, **about)
    for (channel, notice), (state, reference) in books.items():
        if state in HANDED and reference and (channel, notice) not in handed:
            findings.found("lost", check, channel=channel, notice=notice, state=state)
    return sum(state == "unknown" and not reference for state, reference in books.values())
