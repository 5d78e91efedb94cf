"""Letters: one A4 page set by typst into the print folder, taken from there by the print house.

`<notice_id>.pdf` and `<notice_id>.json` {notice_id, address, tracking_number}; the PDF first, both by rename, so that
whoever sees the JSON finds a whole PDF. Writing the same letter again replaces it by the same bytes.
"""

import asyncio
import hashlib
import json
import os
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import structlog
import typst

from services.notifier.channels import Accepted, ChannelDown, Message, Refused, Submission

log = structlog.get_logger(__name__)

CHINESE_FONTS = ("Noto Sans SC", "Noto Sans CJK SC", "Source Han Sans SC")
FONT_PACKAGE = "pylopdf_fonts_zh_cn"  # a wheel that carries Noto Sans SC and nothing else of use to us
STAMP = 0  # same letter, same bytes


class NoChineseFont(ChannelDown):
    """Chinese letters cannot be set on this machine: they would be empty boxes. English ones can."""


def letter_fonts(folder: Path | None = None) -> typst.Fonts:
    """Fonts of `folder`, of the font package where it is installed, and of the system."""
    spec = find_spec(FONT_PACKAGE)
    packaged = list(spec.submodule_search_locations or ()) if spec else []
    return typst.Fonts(font_paths=[*([str(folder)] if folder else []), *packaged])


class Letters:
    """The letter channel. Setting takes some 10 ms and is done aside, one at a time, in one reused world."""

    window = 8

    def __init__(self, folder: Path, template: Path, fonts: typst.Fonts) -> None:
        self._folder = folder
        self._compiler = typst.Compiler(str(template), root=str(template.parent), font_paths=fonts)
        self._lock = threading.Lock()
        self.speaks_chinese = any(family in CHINESE_FONTS for family in fonts.families())

    async def open(self) -> None:
        """Make the print folder; say so when Chinese cannot be set."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self.speaks_chinese:
            log.error("letters_without_chinese_font", wanted=CHINESE_FONTS, package=FONT_PACKAGE)

    async def close(self) -> None:
        """Nothing is held."""

    def ready(self) -> bool:
        """Always; a full disk is found out by writing."""
        return True

    async def submit(self, message: Message) -> Submission:
        """Set and write one letter. Raises ChannelDown when the folder cannot be written or the font is missing."""
        if message.language.startswith("zh") and not self.speaks_chinese:
            raise NoChineseFont("no Chinese font for letters")
        try:
            return await asyncio.to_thread(self._print, message)
        except OSError as error:
            raise ChannelDown(f"print folder: {error.strerror}") from None
        except typst.TypstError as error:
            log.error("letter_cannot_be_set", contact_id=message.contact_id, reason=error.message)
            return Refused("the letter cannot be set")

    def _print(self, message: Message) -> Submission:
        tracking = tracking_number(message.contact_id)
        _write(self._folder / f"{message.contact_id}.pdf", self.pdf(message))
        slip = {"notice_id": message.contact_id, "address": message.to, "tracking_number": tracking}
        _write(self._folder / f"{message.contact_id}.json", json.dumps(slip, ensure_ascii=False).encode())
        return Accepted(tracking)

    def pdf(self, message: Message) -> bytes:
        """The letter as PDF bytes. Raises typst.TypstError when it cannot be set."""
        return self._compile(message, "pdf")

    def picture(self, message: Message) -> bytes:
        """The letter as PNG, to look at."""
        return self._compile(message, "png")

    def _compile(self, message: Message, form: Literal["pdf", "png"]) -> bytes:
        sheet = json.dumps(message.sheet, ensure_ascii=False)
        with self._lock:
            made = self._compiler.compile(format=form, sys_inputs={"sheet": sheet}, timestamp=STAMP)
        return made if isinstance(made, bytes) else b"".join(made or ())


def tracking_number(notice_id: str) -> str:
    """The tracking number printed for the carrier: derives from the notice, so that a second print has the same."""
    return "RA" + str(int.from_bytes(hashlib.sha256(notice_id.encode()).digest()[:8], "big") % 10**11).zfill(11)


def _write(path: Path, content: bytes) -> None:
    """Write whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
