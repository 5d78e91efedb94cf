"""SMS against a real SMPP server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import smpp34

from services.notifier.channels import Accepted, ChannelDown, Message, Refused, Unknown
from services.notifier.channels.receipt import Receipt
from services.notifier.channels.sms import SmppAddress, Sms
from tests.notifier.carriers import SmsCarrier, free_port, freely, sms_carrier, until

LONG = "【安心】" + "应还¥1,234.50。" * 20


def message(text: str = "hello", to: str = "+8613800000001", contact_id: str = "N-B1-1") -> Message:
    return Message(contact_id, to, "zh-CN", text=text)


@asynccontextmanager
async def phone(carrier: SmsCarrier, kept: list[Receipt] | None = None) -> AsyncIterator[Sms]:
    async def keep(receipt: Receipt) -> None:
        if kept is not None:
            kept.append(receipt)

    sms = Sms(SmppAddress("127.0.0.1", carrier.port, "arrears", "secret", "10690000"), keep)
    await sms.open()
    try:
        await until(sms.ready)
        yield sms
    finally:
        await sms.close()


async def test_an_accepted_message_has_the_carriers_reference() -> None:
    async with sms_carrier() as carrier, phone(carrier) as sms:
        assert await sms.submit(message(), freely) == Accepted("R1")
    assert (carrier.got[0].to, carrier.got[0].text, carrier.got[0].as_payload) == ("8613800000001", "hello", False)


async def test_chinese_arrives_whole_however_long_it_is() -> None:
    async with sms_carrier() as carrier, phone(carrier) as sms:
        assert await sms.submit(message("您好"), freely) == Accepted("R1")
        assert await sms.submit(message(LONG), freely) == Accepted("R2")
    short, long = carrier.got
    assert (short.text, short.coding, short.as_payload) == ("您好", 8, False)
    assert (long.text, long.coding, long.as_payload) == (LONG, 8, True)


async def test_a_rejected_message_is_refused_and_may_go_another_way() -> None:
    async with sms_carrier(decide=lambda _: smpp34.ESME_RINVDSTADR) as carrier, phone(carrier) as sms:
        outcome = await sms.submit(message(), freely)
    assert isinstance(outcome, Refused)


async def test_a_carrier_that_is_too_busy_has_taken_nothing() -> None:
    async with sms_carrier(decide=lambda _: smpp34.ESME_RTHROTTLED) as carrier, phone(carrier) as sms:
        with pytest.raises(ChannelDown):
            await sms.submit(message(), freely)


async def test_a_session_lost_before_the_response_leaves_the_message_unknown() -> None:
    async with sms_carrier(silent=True) as carrier, phone(carrier) as sms:
        under_way = asyncio.create_task(sms.submit(message(), freely))
        await until(lambda: carrier.got)
        await sms.close()
        assert isinstance(await under_way, Unknown)


async def test_a_carrier_that_vanishes_leaves_unknown_and_one_that_returns_is_used_again() -> None:
    port = free_port()
    async with sms_carrier(port, silent=True) as gone, phone(gone) as sms:
        under_way = asyncio.create_task(sms.submit(message(), freely))
        await until(lambda: gone.got)
        await gone.sessions[0].unbind()
        assert isinstance(await under_way, Unknown)
        gone.silent = False
        await until(sms.ready)
        assert isinstance(await sms.submit(message(), freely), Accepted)


async def test_without_a_carrier_nothing_leaves() -> None:
    sms = Sms(SmppAddress("127.0.0.1", free_port(), "arrears", "secret"), lambda _receipt: asyncio.sleep(0))
    await sms.open()
    with pytest.raises(ChannelDown):
        await sms.submit(message(), freely)
    assert not sms.ready()
    await sms.close()


async def test_many_messages_are_under_way_at_once() -> None:
    async with sms_carrier() as carrier, phone(carrier) as sms:
        outcomes = await asyncio.gather(*(sms.submit(message(str(n)), freely) for n in range(300)))
    references = {short.text: short.reference for short in carrier.got}
    assert outcomes == [Accepted(references[str(n)]) for n in range(300)]


@pytest.mark.parametrize(
    ("state", "text", "receipt"),
    [
        (2, "", Receipt("R1", "delivered")),
        (5, "", Receipt("R1", "failed")),
        (None, "id:R1 sub:001 dlvrd:001 stat:DELIVRD err:000 text:", Receipt("R1", "delivered", "DELIVRD 000")),
        (None, "id:R1 sub:001 dlvrd:000 stat:UNDELIV err:027 text:", Receipt("R1", "failed", "UNDELIV 027")),
        (None, "id:R1 stat:EXPIRED err:001", Receipt("R1", "failed", "EXPIRED 001")),
    ],
)
async def test_a_receipt_is_read_by_its_parameters_or_its_text(state: int | None, text: str, receipt: Receipt) -> None:
    kept: list[Receipt] = []
    async with sms_carrier() as carrier, phone(carrier, kept):
        answer = await carrier.receipt("R1", state=state, text=text)
    assert [replace(one, digest="") for one in kept] == [receipt]
    assert len(kept[0].digest) == 64
    assert answer.is_success


async def test_a_message_still_on_its_way_is_no_last_word() -> None:
    kept: list[Receipt] = []
    async with sms_carrier() as carrier, phone(carrier, kept):
        assert (await carrier.receipt("R1", state=1)).is_success
        assert (await carrier.receipt("", state=None, text="TD")).is_success
    assert kept == []


async def test_a_receipt_that_could_not_be_kept_is_not_acknowledged() -> None:
    async def full_disk(_receipt: Receipt) -> None:
        raise OSError("no space")

    async with sms_carrier() as carrier:
        sms = Sms(SmppAddress("127.0.0.1", carrier.port, "arrears", "secret"), full_disk)
        await sms.open()
        await until(sms.ready)
        answer = await carrier.receipt("R1")
        await sms.close()
    assert not answer.is_success
