"""Letters: a real PDF in a real folder."""

import json
from pathlib import Path

import pytest
import typst

from services.notifier.channels import Accepted, ChannelDown, Message
from services.notifier.channels.letter import Letters, letter_fonts, tracking_number
from services.notifier.text import TEMPLATES
from tests.notifier.notices import TEXTS, notice

TEMPLATE = TEMPLATES / "v2" / "letter.typ"


def letter(language: str = "en", **changes: object) -> Message:
    return TEXTS.write(notice(step="letter", channel="letter", language=language, **changes)).message


async def printed(folder: Path, message: Message, fonts: typst.Fonts | None = None) -> Letters:
    letters = Letters(folder, TEMPLATE, fonts or letter_fonts())
    await letters.open()
    assert await letters.submit(message) == Accepted(tracking_number(message.contact_id))
    return letters


async def test_the_print_house_finds_a_letter_and_its_slip(tmp_path: Path) -> None:
    await printed(tmp_path / "print", letter(to="9 Gaoxin Road\nShenzhen"))
    assert sorted(path.name for path in (tmp_path / "print").iterdir()) == ["N-B1-2.json", "N-B1-2.pdf"]
    slip = json.loads((tmp_path / "print" / "N-B1-2.json").read_text("utf-8"))
    assert slip == {
        "notice_id": "N-B1-2",
        "address": "9 Gaoxin Road\nShenzhen",
        "tracking_number": tracking_number("N-B1-2"),
    }
    assert (tmp_path / "print" / "N-B1-2.pdf").read_bytes().startswith(b"%PDF-")


async def test_the_same_letter_printed_twice_is_the_same_bytes(tmp_path: Path) -> None:
    await printed(tmp_path / "a", letter())
    await printed(tmp_path / "b", letter())
    assert (tmp_path / "a/N-B1-2.pdf").read_bytes() == (tmp_path / "b/N-B1-2.pdf").read_bytes()


async def test_a_letter_is_one_page_also_with_the_longest_name_and_amount(tmp_path: Path) -> None:
    letters = Letters(tmp_path, TEMPLATE, letter_fonts())
    long = letter(name="Abdurrahman " * 8, to="\n".join(["A very long line of an address, number 12345"] * 5))
    assert letters.picture(long).count(b"\x89PNG") == 1


async def test_nothing_in_a_name_becomes_markup(tmp_path: Path) -> None:
    await printed(tmp_path, letter(name='#panic("no") $x$ *b* \\', to='#read("/etc/passwd")'))


async def test_a_chinese_letter_waits_where_no_chinese_font_is(tmp_path: Path) -> None:
    letters = Letters(tmp_path, TEMPLATE, typst.Fonts(include_system_fonts=False))
    with pytest.raises(ChannelDown):
        await letters.submit(letter("zh-CN"))
    assert list(tmp_path.iterdir()) == []
    assert isinstance(await letters.submit(letter("en")), Accepted)


async def test_a_folder_that_cannot_be_written_has_taken_nothing(tmp_path: Path) -> None:
    letters = Letters(tmp_path / "gone", TEMPLATE, letter_fonts())
    with pytest.raises(ChannelDown):
        await letters.submit(letter())
