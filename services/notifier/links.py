"""The address in a notice: a sealed token that opens one page about one notice until it expires. No account, and
nothing in it can be read: a notice's id holds the borrower's.

Token: base64url of AES-SIV (RFC 5297) over purpose (1 byte), expiry (4 bytes, whole minutes since 1970) and subject.
Sealed without a nonce, so that it stays short and a notice that is written again carries the same address. A token of
one purpose opens nothing of another.

Tokens in which the same stands readable, signed with 16 bytes of HMAC-SHA256, open until they expire; none is made.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

Purpose = Literal["n"]
"""n: the borrower's page for a notice, whose id is the subject."""

SEAL_BYTES = 16
HEAD_BYTES = 5
TOKEN_CHARACTERS_MAX = 1000
"""Above the token of the longest notice id there can be (a borrower id of 120 characters, four bytes each)."""
ABOUT = [b"arrears link"]


class LinkInvalid(Exception):
    """Not one of our links, or altered, or meant for something else."""


class LinkExpired(Exception):
    """Was ours; it no longer opens anything."""


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads tokens. The first key seals, all of them are believed, so that a key can be changed."""

    base: str
    keys: tuple[bytes, ...]

    def address(self, token: str) -> str:
        """Where the token opens its page."""
        return f"{self.base.rstrip('/')}/n/{token}"

    def sign(self, purpose: Purpose, subject: str, expires_at: datetime) -> str:
        """A token. It expires at the full minute at or after `expires_at`."""
        minutes = -(-int(expires_at.timestamp()) // 60)
        body = purpose.encode() + minutes.to_bytes(4, "big") + subject.encode()
        return base64.urlsafe_b64encode(_cipher(self.keys[0]).encrypt(body, ABOUT)).rstrip(b"=").decode()

    def open(self, purpose: Purpose, token: str, now: datetime) -> str:
        """The subject of a token. Raises LinkInvalid or LinkExpired."""
        body = self._believed(token)
        if body[:1] != purpose.encode():
            raise LinkInvalid
        if int.from_bytes(body[1:HEAD_BYTES], "big") * 60 <= now.timestamp():
            raise LinkExpired
        return body[HEAD_BYTES:].decode()

    def _believed(self, token: str) -> bytes:
        raw = _raw(token)
        found = (body for key in self.keys for body in (_unsealed(key, raw), _signed(key, raw)) if body)
        body = next(found, b"")
        if len(body) <= HEAD_BYTES:
            raise LinkInvalid
        return body


def _raw(token: str) -> bytes:
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise LinkInvalid
    padded = token.encode("ascii", "replace") + b"=" * (-len(token) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise LinkInvalid from None


def _unsealed(key: bytes, raw: bytes) -> bytes:
    if len(raw) <= SEAL_BYTES:
        return b""
    try:
        return _cipher(key).decrypt(raw, ABOUT)
    except InvalidTag:
        return b""


def _signed(key: bytes, raw: bytes) -> bytes:
    body, mac = raw[:-SEAL_BYTES], raw[-SEAL_BYTES:]
    ours = hmac.digest(key, b"arrears link\0" + body, "sha256")[:SEAL_BYTES]
    return body if hmac.compare_digest(mac, ours) else b""


@lru_cache(16)
def _cipher(key: bytes) -> AESSIV:
    """The cipher of a key of any length; AES-SIV takes two keys of 256 bits."""
    return AESSIV(hmac.digest(key, b"arrears link sealed", "sha512"))
