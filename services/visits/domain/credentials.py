"""The code by which a borrower can check that visitors are who they say: derived, so that nobody can make one up."""

import base64
import hashlib
import hmac

GROUPS, GROUP = 2, 5  # ten characters of 32: fifty bits, and short enough to be read out at a door

TYPED_CHARACTERS_MAX = 40

ALIKE = str.maketrans("01", "OI")  # the alphabet of the codes has no zero and no one


def code_of(key: bytes, visit_id: str) -> str:
    """The credential of a visit, like `K7QFA-3MXDZ`."""
    digest = hmac.new(key, f"visit credential\0{visit_id}".encode(), hashlib.sha256).digest()
    letters = base64.b32encode(digest).decode()[: GROUPS * GROUP]
    return "-".join(letters[n : n + GROUP] for n in range(0, len(letters), GROUP))


def typed(text: str) -> str:
    """What somebody typed, as a code would be written."""
    letters = "".join(c for c in text.upper() if c.isalnum()).translate(ALIKE)[: GROUPS * GROUP]
    return "-".join(letters[n : n + GROUP] for n in range(0, len(letters), GROUP))


def as_typed(text: str) -> str:
    """What somebody typed, without signs that are in no code, to be shown to them again."""
    return " ".join("".join(c for c in text.upper() if c.isalnum() or c in "- ").split())[:TYPED_CHARACTERS_MAX]
