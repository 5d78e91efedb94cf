"""A batch of letters as a folder: made under a hidden name, and there for the print house by one rename."""

import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from urllib.parse import quote

import structlog

from services.notifier.channels import Message

log = structlog.get_logger(__name__)
MANIFEST = "manifest.json"
NAME_MAX = 200
"""Bytes in a file's name; file systems take 255."""

ITS_OWN = frozenset({errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG})
"""What a file system says of one letter and not of the folder or the disk."""


class NotSynced(Exception):
    """The batch has appeared; whether it would outlive a loss of power is not known."""


@dataclass(slots=True)
class Bundle:
    """A batch under its hidden name. slips: contact → the manifest's entry. unwritten: no file can hold these."""

    folder: Path
    name: str
    slips: dict[str, dict[str, object]] = field(default_factory=dict)
    unwritten: set[str] = field(default_factory=set)

    @property
    def batch(self) -> Path:
        """The folder as it appears."""
        return self.folder / self.name

    @property
    def aside(self) -> Path:
        """The hidden folder."""
        return self.folder / f".{self.name}"

    @classmethod
    def of(cls, folder: Path, letters: Iterable[tuple[Message, bytes]]) -> Self:
        """Write letters and manifest. Raises OSError, and leaves nothing."""
        bundle = cls(folder, f"batch-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}")
        bundle.aside.mkdir()
        with bundle._or_nothing():
            for message, pdf in letters:
                if slip := _put(bundle.aside, message, pdf):
                    bundle.slips[message.contact_id] = slip
                else:
                    bundle.unwritten.add(message.contact_id)
            bundle._write_manifest()
        return bundle

    def leave_out(self, contact_ids: Set[str]) -> None:
        """Take letters out again. Raises OSError, and leaves nothing."""
        with self._or_nothing():
            for contact_id in contact_ids:
                (self.aside / str(self.slips.pop(contact_id)["file"])).unlink()
            self._write_manifest()

    def appear(self) -> None:
        """One rename; an empty batch never appears. Raises OSError when it did not, NotSynced when it may not stay."""
        if not self.slips:
            return shutil.rmtree(self.aside, ignore_errors=True)
        with self._or_nothing():
            self.aside.rename(self.batch)
        try:
            _sync(self.folder)
        except OSError as error:
            raise NotSynced(error.strerror) from None

    @contextmanager
    def _or_nothing(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            shutil.rmtree(self.aside, ignore_errors=True)
            raise

    def _write_manifest(self) -> None:
        slips, made_at = [*self.slips.values()], datetime.now(UTC).isoformat()
        manifest = {"batch": self.name, "made_at": made_at, "count": len(slips), "letters": slips}
        _write(self.aside / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode())
        _sync(self.aside)


def _put(aside: Path, message: Message, pdf: bytes) -> dict[str, object] | None:
    file = file_name(message.contact_id)
    try:
        _write(aside / file, pdf)
    except OSError as error:
        if error.errno not in ITS_OWN:
            raise
        log.error("letter_cannot_be_written", contact_id=message.contact_id, reason=error.strerror)
        return None
    return {
        "notice_id": message.contact_id,
        "file": file,
        "sha256": hashlib.sha256(pdf).hexdigest(),
        "address": message.to,
        "tracking_number": tracking_number(message.contact_id),
        "language": message.language,
    }


def file_name(contact_id: str) -> str:
    """The file of a letter: any id names one file in the folder and none outside it, and no two ids the same."""
    name = quote(contact_id, safe="")
    if len(name) > NAME_MAX:
        name = f"sha256-{hashlib.sha256(contact_id.encode()).hexdigest()}"
    return f"{name}.pdf"


def tracking_number(notice_id: str) -> str:
    """The tracking number printed for the carrier: derives from the notice, so that a second print has the same."""
    return "RA" + str(int.from_bytes(hashlib.sha256(notice_id.encode()).digest()[:8], "big") % 10**11).zfill(11)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Have the disk know the folder's names."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
