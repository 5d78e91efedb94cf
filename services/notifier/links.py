"""The address in a notice: a signed token that opens one page about one notice until it expires. No account, no secret
of the borrower in it.

Token: base64url of purpose (1 byte), expiry (4 bytes, whole minutes since 1970), subject, and 16 bytes of HMAC-SHA256.
A token of one purpose opens nothing of another.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Purpose = Literal["n"]
"""n: the borrower's page for a notice, whose id is the subject."""

MAC_BYTES = 16
HEAD_BYTES = 5
TOKEN_CHARACTERS_MAX = 1000
"""Above the token of the longest notice id there can be (a borrower id of 120 characters, four bytes each)."""


class LinkInvalid(Exception):
    """Not one of our links, or altered, or meant for something else."""


class LinkExpired(Exception):
    """Was ours; it no longer opens anything."""


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads tokens. The first key signs, all of them are believed, so that a key can be changed."""

    base: str
    keys: tuple[bytes, ...]

    def address(self, token: str) -> str:
        """Where the token opens its page."""
        return f"{self.base.rstrip('/')}/n/{token}"

    def sign(self, purpose: Purpose, subject: str, expires_at: datetime) -> str:
        """A token. It expires at the full minute at or after `expires_at`."""
        minutes = -(-int(expires_at.timestamp()) // 60)
        body = purpose.encode() + minutes.to_bytes(4, "big") + subject.encode()
        return base64.urlsafe_b64encode(body + _mac(self.keys[0], body)).rstrip(b"=").decode()

    def open(self, purpose: Purpose, token: str, now: datetime) -> str:
        """The subject of a token. Raises LinkInvalid or LinkExpired."""
        body = self._signed(token)
        if body[:1] != purpose.encode():
            raise LinkInvalid
        if int.from_bytes(body[1:HEAD_BYTES], "big") * 60 <= now.timestamp():
            raise LinkExpired
        return body[HEAD_BYTES:].decode()

    def _signed(self, token: str) -> bytes:
        try:
            raw = base64.b64decode(_padded(token), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise LinkInvalid from None
        body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        if len(body) <= HEAD_BYTES or not any(hmac.compare_digest(mac, _mac(key, body)) for key in self.keys):
            raise LinkInvalid
        return body


def expiry(token: str) -> datetime:
    """The instant at which a token that was just made expires."""
    raw = base64.urlsafe_b64decode(_padded(token))
    return datetime.fromtimestamp(int.from_bytes(raw[1:HEAD_BYTES], "big") * 60, UTC)


def _padded(token: str) -> bytes:
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise LinkInvalid
    return token.encode("ascii", "replace") + b"=" * (-len(token) % 4)


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, b"arrears link\0" + body, "sha256")[:MAC_BYTES]
