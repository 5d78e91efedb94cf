"""Letters: real PDFs in a real folder, handed over in batches that appear whole."""

import asyncio
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typst

from services.notifier.channels import Accepted, ChannelDown, Message, Refused
from services.notifier.channels.bundle import Bundle, tracking_number
from services.notifier.channels.letter import Letters, Press, letter_fonts
from services.notifier.text import TEMPLATES
from tests.notifier.carriers import freely
from tests.notifier.notices import TEXTS, notice

TEMPLATE = TEMPLATES / "v3" / "letter.typ"


def letter(language: str = "en", **changes: object) -> Message:
    return TEXTS.write(notice(step="letter", channel="letter", language=language, **changes)).message


async def printed(folder: Path, *messages: Message, fonts: typst.Fonts | None = None) -> list[dict[str, Any]]:
    """The manifests of the batches in which these letters, handed in at once, were handed over."""
    letters = Letters(folder, TEMPLATE, fonts or letter_fonts())
    await letters.open()
    outcomes = await asyncio.gather(*(letters.submit(message, freely) for message in messages))
    assert outcomes == [Accepted(tracking_number(message.contact_id)) for message in messages]
    await letters.close()
    return [json.loads((batch / "manifest.json").read_text("utf-8")) for batch in sorted(folder.glob("batch-*"))]


async def test_the_print_house_finds_a_batch_with_every_letter_in_its_manifest(tmp_path: Path) -> None:
    many = [letter(contact_id=f"N-B{n}-1", to="9 Gaoxin Road\nShenzhen") for n in range(5)]
    (manifest,) = await printed(tmp_path, *many)
    batch = tmp_path / manifest["batch"]
    assert manifest["count"] == 5
    assert sorted(path.name for path in batch.iterdir()) == sorted(
        [f"N-B{n}-1.pdf" for n in range(5)] + ["manifest.json"]
    )
    for slip in manifest["letters"]:
        pdf = (batch / slip["file"]).read_bytes()
        assert pdf.startswith(b"%PDF-")
        assert slip["sha256"] == hashlib.sha256(pdf).hexdigest()
        assert slip["address"] == "9 Gaoxin Road\nShenzhen"
        assert slip["tracking_number"] == tracking_number(slip["notice_id"])


async def test_nothing_of_a_batch_is_seen_before_all_of_it_is_there(tmp_path: Path) -> None:
    seen: set[tuple[int, int]] = set()

    async def look() -> None:
        while True:
            for batch in tmp_path.glob("batch-*"):
                listed = json.loads((batch / "manifest.json").read_text("utf-8"))["count"]
                seen.add((listed, len(list(batch.glob("*.pdf")))))
            await asyncio.sleep(0.001)

    looking = asyncio.create_task(look())
    manifests = await printed(tmp_path, *(letter(contact_id=f"N-B{n}-1") for n in range(40)))
    await asyncio.sleep(0.02)
    looking.cancel()
    assert sum(manifest["count"] for manifest in manifests) == 40
    assert seen
    assert all(listed == there for listed, there in seen)


async def test_the_same_letter_printed_twice_is_the_same_bytes(tmp_path: Path) -> None:
    (first,), (second,) = await printed(tmp_path / "a", letter()), await printed(tmp_path / "b", letter())
    assert first["letters"] == second["letters"]


async def test_what_a_worker_that_died_left_half_done_is_tidied_and_never_seen(tmp_path: Path) -> None:
    old, young = tmp_path / ".batch-old", tmp_path / ".batch-young"
    for left in (old, young):
        left.mkdir(parents=True)
        (left / "N-B1-1.pdf").write_bytes(b"%PDF")
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    assert len(await printed(tmp_path, letter())) == 1
    assert (old.exists(), young.exists()) == (False, True), "another worker may be at it still"


def test_a_letter_is_one_page_also_with_the_longest_name_and_amount_and_all_that_rules_ask_for() -> None:
    press = Press(TEMPLATE, letter_fonts())
    parts = {"opt_out": ("US-1",), "debt_collector": ("US-2",)}
    address = "\n".join(["A very long line of an address, number 12345"] * 5)
    assert press.picture(letter(name="Abdurrahman " * 8, to=address, parts=parts)).count(b"\x89PNG") == 1


async def test_nothing_in_a_name_becomes_markup(tmp_path: Path) -> None:
    await printed(tmp_path, letter(name='#panic("no") $x$ *b* \\', to='#read("/etc/passwd")'))


async def test_a_chinese_letter_waits_where_no_chinese_font_is(tmp_path: Path) -> None:
    letters = Letters(tmp_path, TEMPLATE, typst.Fonts(include_system_fonts=False))
    with pytest.raises(ChannelDown):
        await letters.submit(letter("zh-CN"), freely)
    assert list(tmp_path.iterdir()) == []
    assert isinstance(await letters.submit(letter("en"), freely), Accepted)


async def test_a_folder_that_cannot_be_written_has_taken_nothing(tmp_path: Path) -> None:
    letters = Letters(tmp_path / "gone", TEMPLATE, letter_fonts())
    for _ in range(2):
        with pytest.raises(ChannelDown):
            await asyncio.gather(letters.submit(letter(), freely), letters.submit(letter(contact_id="N-B1-3"), freely))


def test_a_disk_that_fails_midway_leaves_nothing_behind(tmp_path: Path) -> None:
    def letters() -> Iterator[tuple[Message, bytes]]:
        yield letter(), b"%PDF"
        shutil.rmtree(next(tmp_path.glob(".batch-*")))
        yield letter(contact_id="N-B2-1"), b"%PDF"

    with pytest.raises(FileNotFoundError):
        Bundle.of(tmp_path, letters())
    assert list(tmp_path.iterdir()) == []


AWKWARD = ("N-a/b-1", "N-../../etc/x-1", "..", "N-王小明-1", "N-" + "Y" * 118 + "-1", "N-" + "王" * 118 + "-1")


async def test_any_id_is_a_file_in_the_batch_and_none_outside_it(tmp_path: Path) -> None:
    folder = tmp_path / "print"
    (manifest,) = await printed(folder, *(letter(contact_id=contact_id) for contact_id in AWKWARD))
    slips = {slip["notice_id"]: slip["file"] for slip in manifest["letters"]}
    assert set(slips) == set(AWKWARD)
    assert len(set(slips.values())) == len(AWKWARD)
    there = {str(path.relative_to(folder / manifest["batch"])) for path in tmp_path.rglob("*.pdf")}
    assert there == set(slips.values())


async def test_a_letter_that_cannot_be_written_is_refused_and_the_others_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifier.channels.bundle.NAME_MAX", 1000)
    letters = Letters(tmp_path, TEMPLATE, letter_fonts())
    good, bad = await asyncio.gather(
        letters.submit(letter(), freely), letters.submit(letter(contact_id="N" * 300), freely)
    )
    assert isinstance(good, Accepted)
    assert isinstance(bad, Refused)
    assert len(list(tmp_path.rglob("*.pdf"))) == 1
