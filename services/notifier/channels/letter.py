"""Letters: one A4 page each, set by typst, handed over to the print house in batches.

A batch is a folder `batch-<time>-<number>/` of PDFs with a `manifest.json` that names each letter with its address, its
tracking number and the SHA-256 of its file. It is made under a hidden name and appears by one rename: whoever sees it
finds all of it. A letter is Accepted when its batch has appeared; before that nothing has left the house.
"""

import asyncio
import errno
import hashlib
import json
import os
import queue
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import quote

import structlog
import typst

from services.notifier.channels import Accepted, ChannelDown, Message, Refused, Submission

log = structlog.get_logger(__name__)

CHINESE_FONTS = ("Noto Sans SC", "Noto Sans CJK SC", "Source Han Sans SC")
FONT_PACKAGE = "pylopdf_fonts_zh_cn"  # a wheel that carries Noto Sans SC and nothing else of use to us
STAMP = 0  # same letter, same bytes
BATCH_MAX = 200
BATCH_SECONDS = 0.25
"""A batch is closed when it is full, or so long after its first letter."""

LEFT_SECONDS = 3600.0
"""A hidden folder older than this is of a worker that died; it holds letters that nobody was given."""

MANIFEST = "manifest.json"
NAME_MAX = 200
"""Bytes in a file's name; file systems take 255."""

ITS_OWN = frozenset({errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG})
"""What a file system says of one letter and not of the folder or the disk."""


class NoChineseFont(ChannelDown):
    """Chinese letters cannot be set on this machine: they would be empty boxes. English ones can."""


def letter_fonts(folder: Path | None = None) -> typst.Fonts:
    """Fonts of `folder`, of the font package where it is installed, and of the system."""
    spec = find_spec(FONT_PACKAGE)
    packaged = list(spec.submodule_search_locations or ()) if spec else []
    return typst.Fonts(font_paths=[*([str(folder)] if folder else []), *packaged])


class Press:
    """Sets letters. Setting takes some 6 ms of one core and lets others work meanwhile; each core has its own world."""

    def __init__(self, template: Path, fonts: typst.Fonts) -> None:
        self.speaks_chinese = any(family in CHINESE_FONTS for family in fonts.families())
        self._worlds: queue.SimpleQueue[typst.Compiler] = queue.SimpleQueue()
        self.worlds = max(1, os.cpu_count() or 1)
        for _ in range(self.worlds):
            self._worlds.put(typst.Compiler(str(template), root=str(template.parent), font_paths=fonts))

    def pdf(self, message: Message) -> bytes:
        """The letter as PDF bytes. Raises typst.TypstError when it cannot be set."""
        return self._compile(message, "pdf")

    def picture(self, message: Message) -> bytes:
        """The letter as PNG, to look at."""
        return self._compile(message, "png")

    def _compile(self, message: Message, form: Literal["pdf", "png"]) -> bytes:
        sheet = json.dumps(message.sheet, ensure_ascii=False)
        with self._world() as world:
            made = world.compile(format=form, sys_inputs={"sheet": sheet}, timestamp=STAMP)
        return made if isinstance(made, bytes) else b"".join(made or ())

    @contextmanager
    def _world(self) -> Iterator[typst.Compiler]:
        world = self._worlds.get()
        try:
            yield world
        finally:
            self._worlds.put(world)


@dataclass(slots=True)
class _Batch:
    """Letters that will be handed over together, and who waits to learn which of them could not be."""

    letters: list[tuple[Message, bytes]] = field(default_factory=list)
    handed: "asyncio.Future[frozenset[str]]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Letters:
    """The letter channel."""

    window = 2 * BATCH_MAX

    def __init__(self, folder: Path, template: Path, fonts: typst.Fonts) -> None:
        self._folder = folder
        self.press = Press(template, fonts)
        self._threads = ThreadPoolExecutor(self.press.worlds, "press")
        self._batch: _Batch | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Make the print folder, tidy what a worker that died left half done; say so when Chinese cannot be set."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob(".batch-*"):
            if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        if not self.press.speaks_chinese:
            log.error("letters_without_chinese_font", wanted=CHINESE_FONTS, package=FONT_PACKAGE)

    async def close(self) -> None:
        """Hand over what is set already."""
        await asyncio.gather(*self._closing, return_exceptions=True)
        self._threads.shutdown(wait=False)

    def ready(self) -> bool:
        """Always; a full disk is found out by writing."""
        return True

    async def submit(self, message: Message) -> Submission:
        """Set one letter and hand it over with its batch. Raises ChannelDown where that cannot be done now."""
        if message.language.startswith("zh") and not self.press.speaks_chinese:
            raise NoChineseFont("no Chinese font for letters")
        try:
            pdf = await asyncio.get_running_loop().run_in_executor(self._threads, self.press.pdf, message)
        except typst.TypstError as error:
            log.error("letter_cannot_be_set", contact_id=message.contact_id, reason=error.message)
            return Refused("the letter cannot be set")
        if message.contact_id in await self._with_the_others(message, pdf):
            return Refused("the letter cannot be written to the print folder")
        return Accepted(tracking_number(message.contact_id))

    async def _with_the_others(self, message: Message, pdf: bytes) -> frozenset[str]:
        """Answer which letters of its batch could not be written."""
        batch = self._batch
        if batch is None:
            batch = self._batch = _Batch()
            task = asyncio.create_task(self._close_later(batch))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        batch.letters.append((message, pdf))
        if len(batch.letters) >= BATCH_MAX:
            self._batch = None
        try:
            return await asyncio.shield(batch.handed)
        except OSError as error:
            raise ChannelDown(f"print folder: {error.strerror}") from None

    async def _close_later(self, batch: _Batch) -> None:
        ends = time.monotonic() + BATCH_SECONDS
        while batch is self._batch and time.monotonic() < ends:
            await asyncio.sleep(BATCH_SECONDS / 10)
        if batch is self._batch:
            self._batch = None
        try:
            handed = await asyncio.to_thread(hand_over, self._folder, batch.letters)
            batch.handed.set_result(handed.left_out)
        except Exception as error:
            batch.handed.set_exception(error)
            batch.handed.exception()  # each letter that waits learns it; none may be left to wait


class Handed(NamedTuple):
    """A batch that has appeared, and the contacts whose letter could not be written and is not in it."""

    batch: Path
    left_out: frozenset[str]


def hand_over(folder: Path, letters: Iterable[tuple[Message, bytes]]) -> Handed:
    """Make a batch appear in a folder, whole or not at all. Raises OSError; then nothing has left the house."""
    now = datetime.now(UTC)
    name = f"batch-{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    aside = folder / f".{name}"
    aside.mkdir()
    try:
        put = {message.contact_id: _put(aside, message, pdf) for message, pdf in letters}
        slips = [slip for slip in put.values() if slip]
        manifest = {"batch": name, "made_at": now.isoformat(), "count": len(slips), "letters": slips}
        _write(aside / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode())
        _sync(aside)
        aside.rename(folder / name)
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    _sync(folder)
    return Handed(folder / name, frozenset(contact_id for contact_id, slip in put.items() if slip is None))


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
