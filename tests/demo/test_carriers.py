"""The simulated carriers, spoken to by the clients of the real service: they deliver, fail, and stay silent."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import aiosmtplib
import pytest

from deploy.local.answering import LINK, Mailboxes
from deploy.local.caller import Caller
from deploy.local.mailserver import MailServer
from deploy.local.ports import HOST, remembered_ports
from deploy.local.printhouse import PrintHouse
from deploy.local.smsc import SmsCarrier
from services.kit.clock import ScaledClock
from services.notifier.channels import Accepted, Message, Refused
from services.notifier.channels.bundle import Bundle
from services.notifier.channels.sms import SmppAddress, Sms
from tests.notifier.carriers import freely

START = datetime(2026, 3, 2, tzinfo=UTC)
FAST = ScaledClock(START, datetime.now(UTC), 100_000)
FATES = {"+8610000000001": "delivered", "+8610000000002": "failed", "+8610000000003": "silent"}
LINK_TEXT = "【示例消费金融】您的贷款已逾期1天 http://127.0.0.1:1/n/bABC-_d 客服"


def free_port(tmp_path, name):
    return remembered_ports(tmp_path / "ports.json", name)[name]


@asynccontextmanager
async def running(*work):
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def until(condition, seconds=5):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def message(number, text=LINK_TEXT):
    return Message("N-B1-1", number, "zh-CN", text=text)


@pytest.fixture
async def sms(tmp_path):
    """A carrier with the real service's client bound to it; `took` and `receipts` are what either side got."""
    took, receipts = [], []
    port = free_port(tmp_path, "smpp")
    carrier = SmsCarrier(HOST, port, FAST, lambda number: FATES[number], lambda *what: took.append(what))

    async def keep(receipt):
        receipts.append(receipt)

    client = Sms(SmppAddress(HOST, port, "arrears", "secret"), keep)
    async with running(carrier.serve(), carrier.deliver()):
        await client.open()
        await until(client.ready)
        yield client, took, receipts
        await client.close()


async def test_a_long_chinese_message_arrives_whole_and_its_receipt_names_it(sms):
    client, took, receipts = sms
    long = LINK_TEXT * 5
    submitted = await client.submit(message("+8610000000001", long), freely)
    await until(lambda: receipts)
    assert took == [("+8610000000001", long, submitted.reference)]
    assert (receipts[0].reference, receipts[0].fate) == (submitted.reference, "delivered")


async def test_a_message_in_the_default_alphabet_keeps_its_link(sms):
    client, took, _ = sms
    await client.submit(message("+8610000000001", "Pay here: http://127.0.0.1/n/b_-Az [now] {or} never"), freely)
    assert LINK.search(took[0][1])[0] == "http://127.0.0.1/n/b_-Az"


async def test_a_dead_number_is_refused_or_its_receipt_says_so(sms):
    client, took, receipts = sms
    submitted = await client.submit(message("+8610000000002"), freely)
    if isinstance(submitted, Accepted):
        await until(lambda: receipts)
        assert receipts[0].fate == "failed"
    else:
        assert isinstance(submitted, Refused)
    assert took == []


async def test_a_silent_carrier_takes_the_message_and_never_says_what_became_of_it(sms):
    client, took, receipts = sms
    assert isinstance(await client.submit(message("+8610000000003"), freely), Accepted)
    await asyncio.sleep(0.5)
    assert len(took) == 1
    assert receipts == []


async def test_mail_reaches_those_who_are_known_and_is_refused_for_others(tmp_path):
    took, port = [], free_port(tmp_path, "smtp")
    fates = {"b1@example.com": "delivered", "b2@example.com": "failed"}
    server = MailServer(HOST, port, lambda address: fates[address], lambda *what: took.append(what))
    mail = f"From: a@b.example\nMessage-ID: <N-B1-1@b.example>\nContent-Type: text/plain; charset=utf-8\n\n{LINK_TEXT}"
    async with running(server.serve()):
        await asyncio.sleep(0.1)
        async with aiosmtplib.SMTP(hostname=HOST, port=port) as client:
            await client.sendmail("a@b.example", ["b1@example.com"], mail.encode())
            with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
                await client.sendmail("a@b.example", ["b2@example.com"], mail.encode())
    assert [(address, LINK.search(text)[0], mid) for address, text, mid in took] == [
        ("b1@example.com", "http://127.0.0.1:1/n/bABC-_d", "<N-B1-1@b.example>")
    ]


@asynccontextmanager
async def http(port, answers):
    """A server that answers each request with the next status, and keeps path and body."""
    asked = []

    async def serve(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(x.split(":")[1]) for x in head.split("\r\n") if x.lower().startswith("content-length")), 0)
        asked.append((head.split()[1], await reader.readexactly(length)))
        status = answers.pop(0) if answers else 200
        writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, HOST, port):
        yield asked


def print_letter(folder, notice_id):
    folder.mkdir(parents=True, exist_ok=True)
    message = Message(notice_id, "…", "en")
    if folder.name != "taken":
        bundle = Bundle.of(folder, [(message, b"%PDF")])
        bundle.appear()
        return bundle.batch
    (folder / f"{notice_id}.pdf").write_bytes(b"%PDF")
    slip = {"notice_id": notice_id, "address": "…", "tracking_number": f"RA{notice_id[-1]}"}
    return (folder / f"{notice_id}.json").write_text(json.dumps(slip))


async def test_each_letter_is_tracked_to_its_end_through_an_outage_of_the_notifier(tmp_path):
    port, folder = free_port(tmp_path, "notifier"), tmp_path / "print"
    fates = {"N-B1-1": "delivered", "N-B1-2": "failed", "N-B1-3": "silent"}
    for notice_id in fates:
        print_letter(folder, notice_id)
    clock = ScaledClock(START, datetime.now(UTC), 1_000_000)
    async with Caller() as caller, http(port, [503, 500]) as asked:
        house = PrintHouse(folder, f"http://{HOST}:{port}", clock, lambda notice: fates[notice], caller)
        async with running(house.work()):
            await until(lambda: len(list((folder / "done").glob("*.json"))) == 3)
    told = {path: json.loads(body)["status"] for path, body in asked}
    assert told == {
        "/letters/N-B1-1/tracking": "delivered",
        "/letters/N-B1-2/tracking": "returned",
        "/letters/N-B1-3/tracking": "lost",
    }
    assert len(asked) == 5


async def test_a_letter_that_is_not_what_the_manifest_says_is_not_sent(tmp_path):
    port, folder = free_port(tmp_path, "notifier"), tmp_path / "print"
    (print_letter(folder, "N-B1-1") / "N-B1-1.pdf").write_bytes(b"%PDF altered")
    print_letter(folder, "N-B1-2")
    clock = ScaledClock(START, datetime.now(UTC), 1_000_000)
    async with Caller() as caller, http(port, []) as asked:
        house = PrintHouse(folder, f"http://{HOST}:{port}", clock, lambda _: "delivered", caller)
        async with running(house.work()):
            await until(lambda: list((folder / "done").glob("*.json")))
    assert [path for path, _ in asked] == ["/letters/N-B1-2/tracking"]


async def test_a_letter_that_the_notifier_has_not_yet_noted_is_tracked_later(tmp_path):
    port, folder = free_port(tmp_path, "notifier"), tmp_path / "print"
    print_letter(folder, "N-B1-1")
    clock = ScaledClock(START, datetime.now(UTC), 1_000_000)
    async with Caller() as caller, http(port, [409, 409]) as asked:
        house = PrintHouse(folder, f"http://{HOST}:{port}", clock, lambda _: "delivered", caller)
        async with running(house.work()):
            await until(lambda: list((folder / "done").glob("*.json")))
    assert len(asked) == 3


async def test_a_print_house_started_again_settles_what_it_had_taken(tmp_path):
    port, folder = free_port(tmp_path, "notifier"), tmp_path / "print"
    print_letter(folder / "taken", "N-B1-1")
    clock = ScaledClock(START, datetime.now(UTC), 1_000_000)
    async with Caller() as caller, http(port, []) as asked:
        house = PrintHouse(folder, f"http://{HOST}:{port}", clock, lambda _: "delivered", caller)
        async with running(house.work()):
            await until(lambda: asked)


def test_mailboxes_remember_links_and_what_was_said(tmp_path):
    boxes = Mailboxes(tmp_path / "boxes")
    boxes.receive("B1", LINK_TEXT)
    boxes.receive("B1", "no link")
    assert boxes.first_time("B1-notice-promise")
    again = Mailboxes(tmp_path / "boxes")
    assert again.link("B1") == "http://127.0.0.1:1/n/bABC-_d"
    assert not again.first_time("B1-notice-promise")
