"""What a carrier says became of a message: read from a deliver_sm, by its parameters or by the text of appendix B."""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from smpplib.command import Command

from services.notifier.channels import is_reference

Fate = Literal["delivered", "failed"]

RECEIPT_BITS = 0x3C  # esm_class bits 5-2: message type (SMPP 3.4, 5.2.12)
DELIVERY_RECEIPT = 0x04
BY_STATE: dict[int, Fate] = {2: "delivered", 3: "failed", 4: "failed", 5: "failed", 8: "failed"}
BY_WORD: dict[str, Fate] = {
    "DELIVRD": "delivered",
    "EXPIRED": "failed",
    "DELETED": "failed",
    "UNDELIV": "failed",
    "REJECTD": "failed",
}
_id = re.compile(r"\bid:(\S+)")
_stat = re.compile(r"\bstat:(\w+)")
_err = re.compile(r"\berr:(\w+)")


@dataclass(frozen=True, slots=True)
class Receipt:
    """The last word of a carrier about one message. digest: SHA-256 of what it said."""

    reference: str
    fate: Fate
    detail: str = ""
    digest: str = ""


def read_receipt(pdu: Command) -> Receipt | None:
    """The receipt in a deliver_sm; None for anything else, also for what is no last word: on the way, or not known."""
    if pdu.esm_class & RECEIPT_BITS != DELIVERY_RECEIPT:
        return None
    text = _decoded(pdu.short_message or pdu.message_payload)
    reference = _decoded(pdu.receipted_message_id) or _first(_id, text)
    word = _first(_stat, text)
    fate = BY_STATE.get(pdu.message_state) if pdu.message_state is not None else BY_WORD.get(word.upper())
    if fate is None or not is_reference(reference):
        return None
    said = f"{reference}\0{pdu.message_state}\0{text}"
    return Receipt(reference, fate, f"{word} {_first(_err, text)}".strip(), sha256(said.encode()).hexdigest())


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _decoded(value: bytes | str | None) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else value or ""
    return text.rstrip("\0")
