"""Letters: one A4 page each, set by typst, handed over to the print house in batches.

A batch is a folder `batch-<time>-<number>/` of PDFs with a `manifest.json` that names each letter with its address, its
tracking number and the SHA-256 of its file. It is made under a hidden name and appears by one rename: whoever sees it
finds all of it. A letter is Accepted when its batch has appeared; before that nothing has left the house. Setting and
writing take their time, so whether each letter may still go is asked when only the rename is left to do.
"""

import asyncio
import json
import os
import queue
import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias

import structlog
import typst

from services.notifier.channels import Accepted, ChannelDown, Leaving, Message, Refused, Submission, Unknown
from services.notifier.channels.bundle import Bundle, NotSynced, tracking_number

log = structlog.get_logger(__name__)

CHINESE_FONTS = ("Noto Sans SC", "Noto Sans CJK SC", "Source Han Sans SC")
FONT_PACKAGE = "pylopdf_fonts_zh_cn"  # a wheel that carries Noto Sans SC and nothing else of use to us
STAMP = 0  # same letter, same bytes
BATCH_MAX = 200
BATCH_SECONDS = 0.25
"""A batch is closed when it is full, or so long after its first letter."""

LEFT_SECONDS = 3600.0
"""A hidden folder older than this is of a worker that died; it holds letters that nobody was given."""


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


LeftOut: TypeAlias = Mapping[str, Refused | Unknown | BaseException]
"""What became of the letters of a batch that did not appear with it, by contact; what to raise, or to answer."""


@dataclass(slots=True)
class _Batch:
    """Letters that will be handed over together, whom to ask about each, and who waits to learn what became of it."""

    letters: list[tuple[Message, bytes]] = field(default_factory=list)
    leaving: dict[str, Leaving] = field(default_factory=dict)
    handed: "asyncio.Future[LeftOut]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


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

    async def submit(self, message: Message, leaving: Leaving) -> Submission:
        """Set one letter and hand it over with its batch. Raises ChannelDown where that cannot be done now."""
        if message.language.startswith("zh") and not self.press.speaks_chinese:
            raise NoChineseFont("no Chinese font for letters")
        try:
            pdf = await asyncio.get_running_loop().run_in_executor(self._threads, self.press.pdf, message)
        except typst.TypstError as error:
            log.error("letter_cannot_be_set", contact_id=message.contact_id, reason=error.message)
            return Refused("the letter cannot be set")
        found = (await self._with_the_others(message, pdf, leaving)).get(message.contact_id)
        if isinstance(found, BaseException):
            raise found
        return found or Accepted(tracking_number(message.contact_id))

    async def _with_the_others(self, message: Message, pdf: bytes, leaving: Leaving) -> LeftOut:
        batch = self._batch
        if batch is None:
            batch = self._batch = _Batch()
            task = asyncio.create_task(self._close_later(batch))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        batch.letters.append((message, pdf))
        batch.leaving[message.contact_id] = leaving
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
            batch.handed.set_result(await self._hand_over(batch))
        except Exception as error:
            batch.handed.set_exception(error)
            batch.handed.exception()  # each letter that waits learns it; none may be left to wait

    async def _hand_over(self, batch: _Batch) -> LeftOut:
        """Make the batch appear without those that may not go any more. Raises OSError; then nothing has left."""
        bundle = await asyncio.to_thread(Bundle.of, self._folder, batch.letters)
        left_out: dict[str, Refused | Unknown | BaseException] = dict.fromkeys(bundle.unwritten, NOT_WRITTEN)
        while held := await _held({name: batch.leaving[name] for name in bundle.slips}):
            left_out |= held
            await asyncio.to_thread(bundle.leave_out, held.keys())
        try:
            await asyncio.to_thread(bundle.appear)
        except NotSynced:
            return left_out | dict.fromkeys(bundle.slips, NOT_SYNCED)
        return left_out


NOT_WRITTEN = Refused("the letter cannot be written to the print folder")
NOT_SYNCED = Unknown("the batch appeared, and the disk did not say that it will stay")


async def _held(leaving: Mapping[str, Leaving]) -> dict[str, BaseException]:
    """Those that may not go, and why."""
    answers = await asyncio.gather(*(ask() for ask in leaving.values()), return_exceptions=True)
    return {name: found for name, found in zip(leaving, answers, strict=True) if isinstance(found, BaseException)}
