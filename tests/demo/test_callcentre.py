"""The simulated gateway for calls, spoken to by notifier's own client: it calls once, tells, and survives its end."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from deploy.local.callcentre import CallCentre, Lender
from deploy.local.caller import Caller
from deploy.local.ports import HOST
from services.kit.clock import ScaledClock
from services.notifier.channels import Accepted, ChannelDown, Message, Refused
from services.notifier.channels.gateway import Gateway, GatewayAddress
from tests.notifier.carriers import free_port, freely, until

FAST = ScaledClock(datetime(2026, 3, 2, tzinfo=UTC), datetime.now(UTC), 100_000)
FATES = {"+8610000000001": "delivered", "+8610000000002": "failed", "+8610000000003": "silent"}


def call(number, key="N-B1-1"):
    return Message(key, number, "zh-CN", text="您的贷款已逾期。", greeting="请问是本人吗？")


class Notifier:
    """What takes receipts: it keeps them, and answers as often with a failure as it is told."""

    def __init__(self, failures=0):
        self.port, self.failures, self.receipts, self.tokens = free_port(), failures, [], []

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = {x.partition(":")[0].lower(): x.partition(":")[2].strip() for x in head.split("\r\n")}
        body = json.loads(await reader.readexactly(int(fields["content-length"])))
        status, self.failures = (503, self.failures - 1) if self.failures else (204, 0)
        if status == 204:
            self.receipts += [(one["reference"], one["fate"]) for one in body["receipts"]]
        self.tokens.append(fields["authorization"])
        writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def at_work(folder, notifier, token="secret"):
    """A call centre, notifier's client at it, and what was said to people."""
    said, base = [], f"http://{HOST}:{free_port()}/"
    client = Gateway(GatewayAddress(base, "voice", token))
    async with Caller() as caller, await asyncio.start_server(notifier.serve, HOST, notifier.port):
        lender = Lender(caller, f"http://{HOST}:{notifier.port}/carriers/voice/receipts", "secret")
        centre = CallCentre(folder, lender, FAST, lambda number: FATES[number], lambda *what: said.append(what))
        tasks = [asyncio.create_task(work) for work in (centre.serve(base), centre.ring())]
        await connected(base)
        try:
            yield client, said
        finally:
            await client.close()
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def connected(base):
    async with asyncio.timeout(5):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(HOST, int(base.rpartition(":")[2].strip("/")))
                writer.close()
                return
            await asyncio.sleep(0.01)


async def test_who_answers_hears_greeting_and_text_once_and_the_receipt_says_so(tmp_path):
    notifier = Notifier(failures=2)
    async with at_work(tmp_path, notifier) as (client, said):
        taken = [await client.submit(call("+8610000000001"), freely) for _ in range(2)]
        await until(lambda: said)
    assert taken == [Accepted("voice:CALL-N-B1-1")] * 2
    assert said == [("+8610000000001", "请问是本人吗？ 您的贷款已逾期。", "CALL-N-B1-1")]
    assert notifier.receipts == [("CALL-N-B1-1", "delivered")]
    assert set(notifier.tokens) == {"Bearer secret"}


async def test_a_phone_that_nobody_answers_is_told_as_failed_and_a_silent_one_never(tmp_path):
    notifier = Notifier()
    async with at_work(tmp_path, notifier) as (client, said):
        for number in (2, 3):
            await client.submit(call(f"+861000000000{number}", f"N-B{number}-1"), freely)
        await until(lambda: notifier.receipts)
        await asyncio.sleep(0.1)
    assert notifier.receipts == [("CALL-N-B2-1", "failed")]
    assert said == []


async def test_one_that_was_killed_tells_of_what_it_had_taken_and_calls_nobody_twice(tmp_path):
    first = {"key": "N-B1-1", "reference": "CALL-N-B1-1", "to": "+8610000000001", "text": "…"}
    told = {"key": "N-B1-2", "reference": "CALL-N-B1-2", "to": "+8610000000001", "text": "…"}
    notes = [first, told, {"told": "N-B1-2"}]
    (tmp_path / "calls.jsonl").write_text("".join(json.dumps(note) + "\n" for note in notes))
    notifier = Notifier()
    async with at_work(tmp_path, notifier) as (client, said):
        assert await client.submit(call("+8610000000001", "N-B1-2"), freely) == Accepted("voice:CALL-N-B1-2")
        await until(lambda: said)
        await asyncio.sleep(0.1)
    assert [reference for _, _, reference in said] == ["CALL-N-B1-1"]
    assert notifier.receipts == [("CALL-N-B1-1", "delivered")]


async def test_a_stranger_is_refused(tmp_path):
    async with at_work(tmp_path, Notifier(), token="another") as (client, said):
        assert isinstance(await client.submit(call("+8610000000001"), freely), Refused)
    assert said == []
    with pytest.raises(ChannelDown):
        await Gateway(GatewayAddress(f"http://{HOST}:{free_port()}/", "voice", "x")).submit(call("+86"), freely)
