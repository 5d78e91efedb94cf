"""Personal data in ciphertext: a data key per borrower, wrapped by a master key; destroying it forgets the person.

Every ciphertext is bound to its borrower and field, so that none can be moved to another place. `field` is the dotted
path of names inside the fact it came in, like `name` or `phones.number`; whoever opens it must name the same path.
"""

import base64
import binascii
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, bindparam, text

from schemas.values import Sealed

NONCE_BYTES = 12  # what AES-GCM is specified for
KEY_BYTES = 32
IMPRINT_BYTES = 16
CACHE_SECONDS = 30.0  # a destroyed key must be gone from every process within a minute
CACHE_KEYS = 50_000
WITHHELD = Sealed(sealed="", key="withheld")
"""Stands where a required personal value was not let in, because the service's purpose does not need it."""

ERASED = Sealed(sealed="", key="erased")
"""Stands where a value came after the borrower was forgotten."""


class NotOpened(Exception):
    """This value cannot be opened here: withheld, erased, altered, or moved from another borrower or field."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A borrower's data key as it is stored; `wrapped` is None once it is destroyed."""

    borrower_id: str
    key_id: str
    wrapped: bytes | None


class Keys(Protocol):
    """Where wrapped keys are kept."""

    def fetch(self, borrower_ids: Sequence[str]) -> Iterable[Wrapped]:
        """The keys of those borrowers that have one, destroyed ones too."""
        ...

    def add(self, keys: Sequence[Wrapped]) -> None:
        """Keep these; where a borrower has a key already, that one stays."""
        ...

    def destroy(self, borrower_id: str) -> None:
        """Make the borrower's key unreadable for ever, and keep that it was."""
        ...


class TableKeys:
    """Keys in the table `vault.keys`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def fetch(self, borrower_ids: Sequence[str]) -> Iterable[Wrapped]:
        """The keys of those borrowers that have one, destroyed ones too."""
        with self._engine.begin() as db:
            rows = db.execute(_FETCH, {"ids": list(borrower_ids)})
            return [Wrapped(r.borrower_id, r.key_id, None if r.wrapped is None else bytes(r.wrapped)) for r in rows]

    def add(self, keys: Sequence[Wrapped]) -> None:
        """Keep these; where a borrower has a key already, that one stays. Written in key order against deadlocks."""
        rows = sorted(keys, key=lambda key: key.borrower_id)
        with self._engine.begin() as db:
            db.execute(_ADD, [{"b": k.borrower_id, "k": k.key_id, "w": k.wrapped} for k in rows])

    def destroy(self, borrower_id: str) -> None:
        """Make the borrower's key unreadable for ever, and keep that it was. Needs the role `vault`."""
        with self._engine.begin() as db:
            db.execute(_DESTROY, {"b": borrower_id, "k": _new_key_id()})


_FETCH = text("SELECT borrower_id, key_id, wrapped FROM vault.keys WHERE borrower_id = ANY(:ids)").bindparams(
    bindparam("ids")
)
_ADD = text(
    "INSERT INTO vault.keys (borrower_id, key_id, wrapped) VALUES (:b, :k, :w) ON CONFLICT (borrower_id) DO NOTHING"
)
_DESTROY = text(
    "INSERT INTO vault.keys (borrower_id, key_id, wrapped, destroyed_at) VALUES (:b, :k, NULL, now())"
    " ON CONFLICT (borrower_id) DO UPDATE SET wrapped = NULL, destroyed_at = now()"
)


class MemoryKeys:
    """Keys in a dictionary, for tests and simulation without a database."""

    def __init__(self) -> None:
        self._keys: dict[str, Wrapped] = {}

    def fetch(self, borrower_ids: Sequence[str]) -> Iterable[Wrapped]:
        """The keys of those borrowers that have one, destroyed ones too."""
        return [self._keys[b] for b in borrower_ids if b in self._keys]

    def add(self, keys: Sequence[Wrapped]) -> None:
        """Keep these; where a borrower has a key already, that one stays."""
        for key in keys:
            self._keys.setdefault(key.borrower_id, key)

    def destroy(self, borrower_id: str) -> None:
        """Make the borrower's key unreadable for ever, and keep that it was."""
        self._keys[borrower_id] = Wrapped(borrower_id, _new_key_id(), None)


@dataclass(frozen=True, slots=True)
class _Opened:
    key_id: str
    cipher: AESGCM | None  # None: destroyed
    until: float


class Imprint:
    """A keyed digest (RFC 7693) over personal values in clear, in the order in which they come.

    Whoever reads it in a table cannot find a telephone number by trying all of them: they lack the key.
    """

    def __init__(self, key: bytes) -> None:
        self._hash = blake2b(key=key, digest_size=IMPRINT_BYTES)

    def add(self, field: str, value: str) -> None:
        """Take in one value."""
        data = value.encode()
        self._hash.update(f"{field}\0{len(data)}\0".encode() + data)

    def digest(self) -> bytes:
        """What all of them have come to."""
        return self._hash.digest()


class Vault:
    """Seals and opens personal values. Safe to use from any thread."""

    def __init__(self, keys: Keys, master: bytes) -> None:
        self._keys = keys
        self._master = AESGCM(master)
        self._imprint_key = blake2b(b"arrears imprints of personal data", key=master, digest_size=KEY_BYTES).digest()
        self._cache: dict[str, _Opened] = {}
        self._lock = threading.Lock()

    def prepare(self, borrower_ids: Iterable[str]) -> None:
        """Get or create the keys of all these borrowers at once, so that sealing asks the database no more."""
        missing = [b for b in dict.fromkeys(borrower_ids) if self._cached(b) is None]
        if missing:
            self._fetched(missing)

    def _fetched(self, missing: Sequence[str]) -> Mapping[str, "_Opened"]:
        found = {key.borrower_id: key for key in self._keys.fetch(missing)}
        lacking = [b for b in missing if b not in found]
        if lacking:
            self._keys.add([self._new(b) for b in lacking])
            found |= {key.borrower_id: key for key in self._keys.fetch(lacking)}
        return self._remember(found)

    def _key(self, borrower_id: str) -> "_Opened":
        """Looked up once: between two looks the cached key may have run out or been dropped for others."""
        return self._cached(borrower_id) or self._fetched([borrower_id])[borrower_id]

    def seal(self, borrower_id: str, field: str, value: str) -> Sealed:
        """The value in ciphertext under the borrower's key; ERASED when the borrower was forgotten."""
        key = self._key(borrower_id)
        if key.cipher is None:
            return ERASED
        return encrypt(key.cipher, key.key_id, borrower_id, field, value)

    def open(self, borrower_id: str, field: str, sealed: Sealed) -> str:
        """The value in clear. Raises NotOpened when it was withheld, erased, altered or moved."""
        if sealed.key in (WITHHELD.key, ERASED.key):
            raise NotOpened(f"{field}: {sealed.key}")
        key = self._key(borrower_id)
        if key.cipher is None:
            raise NotOpened(f"{field}: erased")
        if key.key_id != sealed.key:
            raise NotOpened(f"{field}: sealed with another key")
        return decrypt(key.cipher, borrower_id, field, sealed)

    def imprint(self) -> Imprint:
        """An empty digest under this vault's key."""
        return Imprint(self._imprint_key)

    def erase(self, borrower_id: str) -> None:
        """Forget the borrower: nothing sealed before can be opened again, nothing that comes later is kept."""
        self._keys.destroy(borrower_id)
        with self._lock:
            self._cache.pop(borrower_id, None)

    def _new(self, borrower_id: str) -> Wrapped:
        key_id, nonce = _new_key_id(), os.urandom(NONCE_BYTES)
        wrapped = nonce + self._master.encrypt(nonce, os.urandom(KEY_BYTES), _aad(borrower_id, "data key", key_id))
        return Wrapped(borrower_id, key_id, wrapped)

    def _unwrap(self, key: Wrapped) -> AESGCM | None:
        if key.wrapped is None:
            return None
        aad = _aad(key.borrower_id, "data key", key.key_id)
        try:
            return AESGCM(self._master.decrypt(key.wrapped[:NONCE_BYTES], key.wrapped[NONCE_BYTES:], aad))
        except InvalidTag:
            raise NotOpened("the data key does not open with this master key") from None

    def _cached(self, borrower_id: str) -> _Opened | None:
        key = self._cache.get(borrower_id)
        return key if key and key.until > time.monotonic() else None

    def _remember(self, keys: Mapping[str, Wrapped]) -> Mapping[str, "_Opened"]:
        until = time.monotonic() + CACHE_SECONDS
        opened = {b: _Opened(key.key_id, self._unwrap(key), until) for b, key in keys.items()}
        with self._lock:
            if len(self._cache) + len(opened) > CACHE_KEYS:
                self._cache = {}
            self._cache.update(opened)
        return opened


def vault_in_memory() -> Vault:
    """A vault that forgets everything with the process."""
    return Vault(MemoryKeys(), os.urandom(KEY_BYTES))


@dataclass(frozen=True, slots=True)
class IntakeRing:
    """The keys with which producers may seal fields before they publish them, by id."""

    keys: Mapping[str, bytes]

    def seal(self, key_id: str, borrower_id: str, field: str, value: str) -> Sealed:
        """What a producer puts in place of a personal value."""
        return encrypt(AESGCM(self.keys[key_id]), key_id, borrower_id, field, value)

    def open(self, borrower_id: str, field: str, sealed: Sealed) -> str:
        """The value in clear. Raises NotOpened for a key that is not on the ring and for altered or moved values."""
        if sealed.key not in self.keys:
            raise NotOpened(f"{field}: sealed with a key that is not on the intake ring")
        return decrypt(AESGCM(self.keys[sealed.key]), borrower_id, field, sealed)


NO_RING = IntakeRing({})


def seal_for_intake(key_id: str, key: bytes, *, borrower_id: str, field: str, value: str) -> dict[str, str]:
    """The producer's helper: `{"sealed": base64, "key": id}` to put in place of a personal value.

    AES-256-GCM, 12-byte nonce first, additional data `arrears NUL borrower NUL field NUL key id` in UTF-8. `field` is
    the dotted path, like `phones.number`. A whole list may be sealed as its JSON under the list's own name.
    """
    return IntakeRing({key_id: key}).seal(key_id, borrower_id, field, value).model_dump()


def encrypt(cipher: AESGCM, key_id: str, borrower_id: str, field: str, value: str) -> Sealed:
    """Seal one value under one key."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + cipher.encrypt(nonce, value.encode(), _aad(borrower_id, field, key_id))
    return Sealed.model_construct(sealed=base64.b64encode(sealed).decode(), key=key_id)


def decrypt(cipher: AESGCM, borrower_id: str, field: str, sealed: Sealed) -> str:
    """Open one value. Raises NotOpened when it was altered or belongs elsewhere."""
    try:
        raw = base64.b64decode(sealed.sealed, validate=True)
        return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _aad(borrower_id, field, sealed.key)).decode()
    except (InvalidTag, ValueError, binascii.Error):
        raise NotOpened(f"{field}: altered, or sealed for another borrower or field") from None


def _aad(borrower_id: str, field: str, key_id: str) -> bytes:
    return b"\0".join((b"arrears", borrower_id.encode(), field.encode(), key_id.encode()))


def _new_key_id() -> str:
    return "K" + os.urandom(9).hex()
